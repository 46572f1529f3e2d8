// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/speculation.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/xen.h>

#include <utility>

namespace zocalo::hv {
namespace {

struct Table {
    std::array<Handler, 64> handlers{};

    constexpr Table() // (readability-function-size): a table
    {
        handlers[__HYPERVISOR_set_trap_table] = hypercall::set_trap_table;
        handlers[__HYPERVISOR_mmu_update] = hypercall::mmu_update;
        handlers[__HYPERVISOR_set_gdt] = hypercall::set_gdt;
        handlers[__HYPERVISOR_stack_switch] = hypercall::stack_switch;
        handlers[__HYPERVISOR_fpu_taskswitch] = hypercall::fpu_taskswitch;
        handlers[__HYPERVISOR_platform_op] = hypercall::platform_op;
        handlers[__HYPERVISOR_set_debugreg] = hypercall::set_debugreg;
        handlers[__HYPERVISOR_get_debugreg] = hypercall::get_debugreg;
        handlers[__HYPERVISOR_update_descriptor] = hypercall::update_descriptor;
        handlers[__HYPERVISOR_memory_op] = hypercall::memory_op;
        handlers[__HYPERVISOR_multicall] = hypercall::multicall;
        handlers[__HYPERVISOR_update_va_mapping] = hypercall::update_va_mapping;
        handlers[__HYPERVISOR_set_timer_op] = hypercall::set_timer_op;
        handlers[__HYPERVISOR_xen_version] = hypercall::xen_version;
        handlers[__HYPERVISOR_console_io] = hypercall::console_io;
        handlers[__HYPERVISOR_grant_table_op] = hypercall::grant_table_op;
        handlers[__HYPERVISOR_vm_assist] = hypercall::vm_assist;
        handlers[__HYPERVISOR_iret] = hypercall::iret;
        handlers[__HYPERVISOR_vcpu_op] = hypercall::vcpu_op;
        handlers[__HYPERVISOR_set_segment_base] = hypercall::set_segment_base;
        handlers[__HYPERVISOR_mmuext_op] = hypercall::mmuext_op;
        handlers[__HYPERVISOR_sysctl] = hypercall::sysctl;
        handlers[__HYPERVISOR_domctl] = hypercall::domctl;
        handlers[__HYPERVISOR_sched_op] = hypercall::sched_op;
        handlers[__HYPERVISOR_callback_op] = hypercall::callback_op;
        handlers[__HYPERVISOR_event_channel_op] = hypercall::event_channel_op;
        handlers[__HYPERVISOR_physdev_op] = hypercall::physdev_op;
    }
};
constexpr Table kTable;

// Which refusals were already told; bit `sub` of word `number`.
void tell_refusal(Call& call)
{
    auto& told = call.system.told_refusals[call.number % call.system.told_refusals.size()];
    const std::uint64_t bit = std::uint64_t{1} << (call.arguments[0] & 63);
    if ((told & bit) != 0)
        return;
    told |= bit;
    log("domain ",
        call.domain().id.value,
        ": hypercall ",
        call.number,
        ", first argument ",
        hex(call.arguments[0]),
        ", is not there");
}

// What an interrupted call left is for the same call made again: if that did not go on with it,
// because another vCPU came between, nobody will.
void keep_begun(Call& call, Mfn begun)
{
    PvState& pv = call.vcpu.pv;
    const bool forgotten = pv.begun_table != Mfn{} && pv.begun_by == call.number;
    if (forgotten && pv.begun_table != begun && pv.ending_table == Mfn{})
        pv.ending_table = std::exchange(pv.begun_table, Mfn{});
    if (begun != Mfn{}) {
        pv.begun_table = begun;
        pv.begun_by = call.number;
    }
}

} // namespace

Answer dispatch_part(Call& call)
{
    Handler handler = nullptr;
    if (call.number < kTable.handlers.size()) {
        hal::stop_speculation();
        handler = kTable.handlers[call.number];
    }
    const Answer answer = handler != nullptr ? handler(call) : Answer{Errno::nosys};
    if (answer == Errno::again) // all it did so far is in the frame table
        return call.again(call.arguments);
    if (answer == Errno::nosys)
        tell_refusal(call);
    return answer;
}

Answer dispatch(Call& call)
{
    PageTables& tables = call.system.tables;
    PvState& pv = call.vcpu.pv;
    tables.refill();
    const Answer answer = dispatch_part(call);
    // Seen to on the way out, before the guest goes on (entry/work.cpp).
    if (tables.has_leftover())
        pv.ending_table = tables.take_leftover();
    keep_begun(call, tables.take_begun());
    return answer;
}

} // namespace zocalo::hv
