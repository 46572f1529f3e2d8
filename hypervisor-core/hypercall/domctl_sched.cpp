// SPDX-License-Identifier: Apache-2.0
// Domctls about where and how much a domain runs. Weight and cap have the form that stock tools
// know from Xen's credit2 scheduler; what they mean here is the same (sched/scheduler.hpp).
#include "hypervisor-core/hypercall/bitmap.hpp"
#include "hypervisor-core/hypercall/domctl.hpp"

namespace zocalo::hv {
namespace {

CpuMask all_cpus(const System& system)
{
    return system.cpu_count >= kMaxCpus ? ~CpuMask{0} : (CpuMask{1} << system.cpu_count) - 1;
}

} // namespace

Answer domctl::set_affinity(Domctl& ctl)
{
    xen_domctl_vcpuaffinity& args = ctl.op.u.vcpuaffinity;
    if ((args.flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) == 0)
        return Errno::inval;
    Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    const CpuMask all = all_cpus(ctl.system());
    if ((args.flags & XEN_VCPUAFFINITY_HARD) != 0) {
        const CpuMask wanted = TRY(copy_in(args.cpumap_hard)) & all;
        if (wanted == 0)
            return Errno::inval;
        const unsigned cpu = ctl.system().scheduler.set_affinity(vcpu.sched, wanted, hal::now());
        if (cpu != kMaxCpus) {
            ctl.system().cpus[cpu].choose = true;
            hal::kick(cpu);
        }
        TRY(copy_out(args.cpumap_hard, wanted));
    }
    if ((args.flags & XEN_VCPUAFFINITY_SOFT) != 0) {
        const CpuMask wanted = TRY(copy_in(args.cpumap_soft)) & all;
        if (wanted == 0)
            return Errno::inval;
        vcpu.sched.liking = wanted;
        TRY(copy_out(args.cpumap_soft, wanted & vcpu.sched.affinity));
    }
    return 0;
}

Answer domctl::get_affinity(Domctl& ctl)
{
    const xen_domctl_vcpuaffinity& args = ctl.op.u.vcpuaffinity;
    const Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    if ((args.flags & XEN_VCPUAFFINITY_HARD) != 0)
        TRY(copy_out(args.cpumap_hard, vcpu.sched.affinity & all_cpus(ctl.system())));
    if ((args.flags & XEN_VCPUAFFINITY_SOFT) != 0)
        TRY(copy_out(args.cpumap_soft, vcpu.sched.liking & all_cpus(ctl.system())));
    return 0;
}

Answer domctl::get_node_affinity(Domctl& ctl)
{
    return copy_out(ctl.op.u.nodeaffinity.nodemap, 1); // there is one node
}

Answer domctl::scheduler(Domctl& ctl)
{
    xen_domctl_scheduler_op& args = ctl.op.u.scheduler_op;
    SchedGroup& group = ctl.domain->sched;
    if (args.sched_id != XEN_SCHEDULER_CREDIT2)
        return Errno::inval;
    switch (args.cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        args.u.credit2 = {
            static_cast<std::uint16_t>(group.weight), static_cast<std::uint16_t>(group.cap)};
        return ctl.with_answer();
    case XEN_DOMCTL_SCHEDOP_putinfo:
        if (args.u.credit2.weight != 0) // 0: as it is
            group.weight = args.u.credit2.weight;
        group.cap = args.u.credit2.cap;
        return 0;
    default:
        return Errno::inval;
    }
}

} // namespace zocalo::hv
