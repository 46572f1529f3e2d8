// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_domctl: version, rights, the domain, then one of the handlers in domctl_*.cpp.
#include "hypervisor-core/hypercall/domctl.hpp"

namespace zocalo::hv {
namespace {

// Which domain an operation may name.
enum class Target : std::uint8_t {
    none,  // it makes one, or looks for one itself
    any,   // also the caller's own
    other, // changing oneself through the tools' interface would end badly
};

struct Entry {
    DomctlHandler handler{};
    Target target{Target::other};
};

struct Table {
    std::array<Entry, XEN_DOMCTL_set_paging_mempool_size + 1> entries{};

    constexpr Table() // (readability-function-size): a table
    {
        using enum Target;
        entries[XEN_DOMCTL_createdomain] = {domctl::create, none};
        entries[XEN_DOMCTL_destroydomain] = {domctl::destroy, other};
        entries[XEN_DOMCTL_pausedomain] = {domctl::pause, other};
        entries[XEN_DOMCTL_unpausedomain] = {domctl::unpause, other};
        entries[XEN_DOMCTL_resumedomain] = {domctl::resume, other};
        entries[XEN_DOMCTL_max_vcpus] = {domctl::max_vcpus, other};
        entries[XEN_DOMCTL_setdomainhandle] = {domctl::set_handle, any};
        entries[XEN_DOMCTL_getdomaininfo] = {domctl::info, none};
        entries[XEN_DOMCTL_getvcpuinfo] = {domctl::vcpu_info, any};
        entries[XEN_DOMCTL_set_address_size] = {domctl::set_address_size, other};
        entries[XEN_DOMCTL_get_address_size] = {domctl::get_address_size, any};
        entries[XEN_DOMCTL_settscinfo] = {domctl::set_tsc_info, other};
        entries[XEN_DOMCTL_gettscinfo] = {domctl::get_tsc_info, any};
        entries[XEN_DOMCTL_settimeoffset] = {domctl::accept, any};
        entries[XEN_DOMCTL_setnodeaffinity] = {domctl::accept, any};
        entries[XEN_DOMCTL_set_paging_mempool_size] = {domctl::accept, any};
        entries[XEN_DOMCTL_getnodeaffinity] = {domctl::get_node_affinity, any};
        entries[XEN_DOMCTL_setvcpuaffinity] = {domctl::set_affinity, any};
        entries[XEN_DOMCTL_getvcpuaffinity] = {domctl::get_affinity, any};
        entries[XEN_DOMCTL_scheduler_op] = {domctl::scheduler, any};
        entries[XEN_DOMCTL_setvcpucontext] = {domctl::set_context, other};
        entries[XEN_DOMCTL_getvcpucontext] = {domctl::get_context, other};
        entries[XEN_DOMCTL_set_ext_vcpucontext] = {domctl::set_ext_context, other};
        entries[XEN_DOMCTL_get_ext_vcpucontext] = {domctl::get_ext_context, any};
        entries[XEN_DOMCTL_setvcpuextstate] = {domctl::set_extended_state, other};
        entries[XEN_DOMCTL_getvcpuextstate] = {domctl::get_extended_state, other};
        entries[XEN_DOMCTL_get_vcpu_msrs] = {domctl::get_msrs, any};
        entries[XEN_DOMCTL_max_mem] = {domctl::max_mem, any};
        entries[XEN_DOMCTL_getpageframeinfo3] = {domctl::frame_types, any};
        entries[XEN_DOMCTL_hypercall_init] = {domctl::hypercall_page, other};
        entries[XEN_DOMCTL_iomem_permission] = {domctl::io_memory, other};
        entries[XEN_DOMCTL_ioport_permission] = {domctl::io_ports, other};
        entries[XEN_DOMCTL_irq_permission] = {domctl::interrupts, other};
        entries[XEN_DOMCTL_set_cpu_policy] = {domctl::set_policy, other};
        entries[XEN_DOMCTL_get_cpu_policy] = {domctl::get_policy, any};
    }
};
constexpr Table kTable;

Result<Domain*> target_of(Call& call, Target target, std::uint16_t number)
{
    switch (target) {
    case Target::any:
        return policy::resolve(call.system, call.domain(), number);
    case Target::other:
        return policy::other(call.system, call.domain(), number);
    case Target::none:
        break;
    }
    return static_cast<Domain*>(nullptr);
}

} // namespace

Answer hypercall::domctl(Call& call)
{
    // In the order of Xen: who may not call it still learns first that its pointer is bad.
    Domctl ctl{call, TRY(call.ref<xen_domctl>(0).copy_in())};
    if (ctl.op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return Errno::acces;
    TRY(policy::may_control(call.domain()));
    if (ctl.op.cmd >= kTable.entries.size() || kTable.entries[ctl.op.cmd].handler == nullptr)
        return Errno::nosys;
    const Entry& entry = kTable.entries[ctl.op.cmd];
    ctl.domain = TRY(target_of(call, entry.target, ctl.op.domain));
    const Answer answer = entry.handler(ctl);
    if (ctl.answers)
        TRY(call.ref<xen_domctl>(0).copy_out(ctl.op));
    return answer;
}

} // namespace zocalo::hv
