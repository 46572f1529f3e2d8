// SPDX-License-Identifier: Apache-2.0
// Domctls that set and read a vCPU's registers.
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/domctl.hpp"
#include "hypervisor-core/pv/extended_state.hpp"

#include <cstring>

namespace zocalo::hv {
namespace {

vcpu_guest_context& scratch_context(System& system)
{
    static_assert(sizeof(vcpu_guest_context) <= sizeof(system.scratch));
    return *reinterpret_cast<vcpu_guest_context*>(system.scratch.data());
}

void describe_registers(const Vcpu& vcpu, cpu_user_regs& to)
{
    const TrapFrame& from = vcpu.regs;
    to.r15 = from.r15, to.r14 = from.r14, to.r13 = from.r13, to.r12 = from.r12;
    to.rbp = from.rbp, to.rbx = from.rbx, to.r11 = from.r11, to.r10 = from.r10;
    to.r9 = from.r9, to.r8 = from.r8, to.rax = from.rax, to.rcx = from.rcx;
    to.rdx = from.rdx, to.rsi = from.rsi, to.rdi = from.rdi;
    to.rip = from.rip, to.rsp = from.rsp, to.rflags = from.rflags;
    to.cs = static_cast<std::uint16_t>(from.cs);
    to.ss = static_cast<std::uint16_t>(from.ss);
    to.ds = vcpu.pv.ds, to.es = vcpu.pv.es, to.fs = vcpu.pv.fs, to.gs = vcpu.pv.gs;
    // The privilege level the guest set for itself, where it expects to find it again.
    constexpr unsigned kIoPrivilegeShift = 12;
    to.rflags |= std::uint64_t{vcpu.pv.io_privilege} << kIoPrivilegeShift;
}

void describe_traps(const PvState& pv, vcpu_guest_context& to)
{
    for (std::size_t i = 0; i < pv.traps.size(); ++i)
        to.trap_ctxt[i] = pv.traps[i];
    to.event_callback_eip = pv.event.address;
    to.failsafe_callback_eip = pv.failsafe.address;
    to.syscall_callback_eip = pv.syscall.address;
    to.flags |= (pv.failsafe.masks_events ? VGCF_failsafe_disables_events : 0U) |
                (pv.syscall.masks_events ? VGCF_syscall_disables_events : 0U);
}

void describe_tables(const PvState& pv, vcpu_guest_context& to)
{
    to.ldt_base = pv.ldt_base;
    to.ldt_ents = pv.ldt_entries;
    to.gdt_ents = pv.gdt_entries;
    for (std::size_t i = 0; i < pv.gdt.size(); ++i)
        to.gdt_frames[i] = pv.gdt[i].value;
    to.ctrlreg[1] = pv.user_table.value << kPageShift;
    to.ctrlreg[3] = xen_pfn_to_cr3(pv.kernel_table.value);
    to.ctrlreg[4] = pv.cr4;
}

void describe_context(const Vcpu& vcpu, vcpu_guest_context& to)
{
    const PvState& pv = vcpu.pv;
    std::memset(&to, 0, sizeof(to));
    std::memcpy(&to.fpu_ctxt, pv.fpu.data(), sizeof(to.fpu_ctxt));
    to.flags = VGCF_i387_valid | (pv.in_kernel ? VGCF_in_kernel : 0U) |
               (vcpu.held(Hold::offline) ? 0U : VGCF_online);
    describe_registers(vcpu, to.user_regs);
    describe_traps(pv, to);
    describe_tables(pv, to);
    to.kernel_ss = pv.kernel_ss;
    to.kernel_sp = pv.kernel_sp;
    for (std::size_t i = 0; i < pv.debug.address.size(); ++i)
        to.debugreg[i] = pv.debug.address[i];
    to.debugreg[6] = pv.debug.status;
    to.debugreg[7] = pv.debug.control | pv.debug.io_control;
    to.fs_base = pv.fs_base;
    to.gs_base_kernel = pv.in_kernel ? pv.gs_base : pv.other_gs_base;
    to.gs_base_user = pv.in_kernel ? pv.other_gs_base : pv.gs_base;
}

// The registers are on another processor. One that is about to stop, or idles with them, is asked
// again; one that goes on running has no state to speak of.
Answer when_it_rests(const Domctl& ctl, const Vcpu& vcpu)
{
    if (vcpu.sched.running && vcpu.holds == 0)
        return Errno::busy;
    return ctl.call.again(ctl.call.arguments);
}

} // namespace

Answer domctl::set_context(Domctl& ctl)
{
    const xen_domctl_vcpucontext& args = ctl.op.u.vcpucontext;
    Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    if (ctl.domain->dying || address_of(args.ctxt) == 0)
        return Errno::inval;
    vcpu_guest_context& context = scratch_context(ctl.system());
    if (!hal::copy_from_guest(&context, address_of(args.ctxt), sizeof(context)))
        return Errno::fault;
    if (!vcpu.initialised)
        return set_pv_context(ctl.system(), vcpu, context);
    if (!settle(ctl.system(), vcpu))
        return when_it_rests(ctl, vcpu);
    return replace_pv_context(vcpu, context);
}

Answer domctl::get_context(Domctl& ctl)
{
    const xen_domctl_vcpucontext& args = ctl.op.u.vcpucontext;
    const Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    if (!vcpu.initialised)
        return Errno::nodata;
    if (!settle(ctl.system(), vcpu))
        return when_it_rests(ctl, vcpu);
    vcpu_guest_context& context = scratch_context(ctl.system());
    describe_context(vcpu, context);
    if (!hal::copy_to_guest(address_of(args.ctxt), &context, sizeof(context)))
        return Errno::fault;
    return 0;
}

Answer domctl::set_ext_context(Domctl& ctl)
{
    const xen_domctl_ext_vcpucontext& args = ctl.op.u.ext_vcpucontext;
    Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    vcpu.pv.syscall32 = {args.syscall32_callback_eip, args.syscall32_disables_events != 0};
    return 0;
}

Answer domctl::get_ext_context(Domctl& ctl)
{
    xen_domctl_ext_vcpucontext& args = ctl.op.u.ext_vcpucontext;
    const Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    const std::uint32_t number = args.vcpu;
    args = {};
    args.vcpu = number;
    args.size = sizeof(args);
    args.syscall32_callback_eip = vcpu.pv.syscall32.address;
    args.syscall32_disables_events = vcpu.pv.syscall32.masks_events ? 1 : 0;
    return ctl.with_answer();
}

// Of the structure in memory: XCR0, what was ever in it, and the area of XSAVE (xen/domctl.h).
struct ExtendedStateStart {
    std::uint64_t xcr0{}, ever{};
};

Answer domctl::set_extended_state(Domctl& ctl)
{
    const xen_domctl_vcpuextstate& args = ctl.op.u.vcpuextstate;
    Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    const std::uint64_t supported = hal::extended_features();
    if (supported == 0)
        return Errno::opnotsupp;
    ExtendedStateStart start;
    if (args.size < sizeof(start) || args.size > sizeof(start) + pv::kMostStateBytes)
        return Errno::inval;
    if (vcpu.initialised && !settle(ctl.system(), vcpu))
        return when_it_rests(ctl, vcpu);
    const std::uint64_t at = address_of(args.buffer);
    const auto bytes = static_cast<std::size_t>(args.size) - sizeof(start);
    const std::span area{ctl.system().scratch.data(), bytes};
    if (!hal::copy_from_guest(&start, at, sizeof(start)) ||
        !hal::copy_from_guest(area.data(), at + sizeof(start), bytes))
        return Errno::fault;
    return pv::set_extended_state(vcpu.pv, start.xcr0, area, supported);
}

Answer domctl::get_extended_state(Domctl& ctl)
{
    xen_domctl_vcpuextstate& args = ctl.op.u.vcpuextstate;
    Vcpu& vcpu = *TRY(ctl.vcpu(args.vcpu));
    const std::uint64_t supported = hal::extended_features();
    const ExtendedStateStart start{vcpu.pv.xcr0, vcpu.pv.xcr0_ever};
    const std::size_t bytes = pv::state_bytes(start.ever);
    const std::uint64_t size = supported == 0 ? 0 : sizeof(start) + bytes;
    if (args.size == 0 && args.xfeature_mask == 0) { // how much is there?
        args.size = size;
        args.xfeature_mask = supported;
        return ctl.with_answer();
    }
    if (args.size != size || args.xfeature_mask != supported)
        return Errno::inval;
    if (vcpu.initialised && !settle(ctl.system(), vcpu))
        return when_it_rests(ctl, vcpu);
    const std::uint64_t at = address_of(args.buffer);
    if (!hal::copy_to_guest(at, &start, sizeof(start)) ||
        !hal::copy_to_guest(at + sizeof(start), vcpu.pv.fpu.data(), bytes))
        return Errno::fault;
    return 0;
}

// No MSRs of their own that would have to move with them.
Answer domctl::get_msrs(Domctl& ctl)
{
    TRY(ctl.vcpu(ctl.op.u.vcpu_msrs.vcpu));
    ctl.op.u.vcpu_msrs.msr_count = 0;
    return ctl.with_answer();
}

} // namespace zocalo::hv
