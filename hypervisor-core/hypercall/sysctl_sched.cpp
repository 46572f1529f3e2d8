// SPDX-License-Identifier: Apache-2.0
// Sysctls about scheduling. To the tools our scheduler looks like Xen's credit2, whose parameters
// (weight, cap) it has; all processors are one pool.
#include "hypervisor-core/hypercall/bitmap.hpp"
#include "hypervisor-core/hypercall/policy.hpp"
#include "hypervisor-core/hypercall/sysctl.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kOnlyPool = 0;
constexpr std::uint64_t kMicrosecond = 1000; // ns

CpuMask all_cpus(const System& system)
{
    return system.cpu_count >= kMaxCpus ? ~CpuMask{0} : (CpuMask{1} << system.cpu_count) - 1;
}

std::uint32_t domains_in(const System& system)
{
    std::uint32_t count = 0;
    for (const Domain* domain : system.domains)
        count += domain != nullptr ? 1U : 0U;
    return count;
}

} // namespace

Answer sysctl::scheduler_id(Sysctl& ctl)
{
    ctl.op.u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return ctl.with_answer();
}

Answer sysctl::cpu_pools(Sysctl& ctl)
{
    xen_sysctl_cpupool_op& args = ctl.op.u.cpupool_op;
    switch (args.op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO: // of the next pool from this number on
        if (args.cpupool_id > kOnlyPool)
            return Errno::noent;
        args.cpupool_id = kOnlyPool;
        args.sched_id = XEN_SCHEDULER_CREDIT2;
        args.n_dom = domains_in(ctl.system());
        TRY(copy_out(args.cpumap, all_cpus(ctl.system())));
        return ctl.with_answer();
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        TRY(copy_out(args.cpumap, 0));
        return ctl.with_answer();
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        TRY(policy::resolve(ctl.system(), ctl.call.domain(), args.domid));
        return args.cpupool_id == kOnlyPool ? Answer{0} : Answer{Errno::noent};
    default:
        return Errno::opnotsupp;
    }
}

Answer sysctl::scheduler(Sysctl& ctl)
{
    xen_sysctl_scheduler_op& args = ctl.op.u.scheduler_op;
    if (args.sched_id != XEN_SCHEDULER_CREDIT2 || args.cpupool_id != kOnlyPool)
        return Errno::inval;
    if (args.cmd != XEN_SYSCTL_SCHEDOP_getinfo) // the slice is the same for all
        return Errno::opnotsupp;
    args.u.sched_credit2.ratelimit_us =
        static_cast<std::uint32_t>(Scheduler::kSlice / kMicrosecond);
    return ctl.with_answer();
}

} // namespace zocalo::hv
