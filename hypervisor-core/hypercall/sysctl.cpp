// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_sysctl: version and rights, then one of the handlers in sysctl_*.cpp. What is not in
// the table is refused: tools live without it (docs/abi-support.md).
#include "hypervisor-core/hypercall/sysctl.hpp"

#include "hypervisor-core/hypercall/policy.hpp"

namespace zocalo::hv {
namespace {

struct Table {
    std::array<SysctlHandler, XEN_SYSCTL_get_cpu_policy + 1> handlers{};

    constexpr Table()
    {
        handlers[XEN_SYSCTL_readconsole] = sysctl::read_console;
        handlers[XEN_SYSCTL_physinfo] = sysctl::physical_info;
        handlers[XEN_SYSCTL_sched_id] = sysctl::scheduler_id;
        handlers[XEN_SYSCTL_getdomaininfolist] = sysctl::domain_list;
        handlers[XEN_SYSCTL_debug_keys] = sysctl::debug_keys;
        handlers[XEN_SYSCTL_getcpuinfo] = sysctl::cpu_times;
        handlers[XEN_SYSCTL_availheap] = sysctl::available_heap;
        handlers[XEN_SYSCTL_cputopoinfo] = sysctl::cpu_topology;
        handlers[XEN_SYSCTL_numainfo] = sysctl::numa_info;
        handlers[XEN_SYSCTL_cpupool_op] = sysctl::cpu_pools;
        handlers[XEN_SYSCTL_scheduler_op] = sysctl::scheduler;
        handlers[XEN_SYSCTL_get_cpu_levelling_caps] = sysctl::levelling;
        handlers[XEN_SYSCTL_get_cpu_featureset] = sysctl::feature_set;
        handlers[XEN_SYSCTL_get_cpu_policy] = sysctl::policy;
    }
};
constexpr Table kTable;

} // namespace

Answer hypercall::sysctl(Call& call)
{
    Sysctl ctl{call, TRY(call.ref<xen_sysctl>(0).copy_in())};
    if (ctl.op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return Errno::acces;
    TRY(policy::may_control(call.domain()));
    if (ctl.op.cmd >= kTable.handlers.size() || kTable.handlers[ctl.op.cmd] == nullptr)
        return Errno::nosys;
    const Answer answer = kTable.handlers[ctl.op.cmd](ctl);
    if (ctl.answers)
        TRY(call.ref<xen_sysctl>(0).copy_out(ctl.op));
    return answer;
}

} // namespace zocalo::hv
