// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/pv_context.hpp"

#include "hypervisor-core/domain/guest_time.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/mm/descriptor_page.hpp"
#include "hypervisor-core/pv/extended_state.hpp"
#include "hypervisor-core/pv/flags.hpp"
#include "hypervisor-core/pv/local_table.hpp"

#include <cstring>

namespace zocalo::hv {
namespace {

constexpr unsigned kGdtEntriesPerFrame = 512;
constexpr unsigned kRoot = 4; // level of the top table
constexpr unsigned kIoPrivilegeShift = 12;

void copy_registers(const cpu_user_regs& from, TrapFrame& to)
{
    to = {};
    to.r15 = from.r15, to.r14 = from.r14, to.r13 = from.r13, to.r12 = from.r12;
    to.rbp = from.rbp, to.rbx = from.rbx, to.r11 = from.r11, to.r10 = from.r10;
    to.r9 = from.r9, to.r8 = from.r8, to.rax = from.rax, to.rcx = from.rcx;
    to.rdx = from.rdx, to.rsi = from.rsi, to.rdi = from.rdi;
    to.rip = from.rip;
    to.rsp = from.rsp;
    to.cs = ring3(from.cs);
    to.ss = ring3(from.ss);
    to.rflags = pv::guest_flags(from.rflags);
}

void copy_traps(const vcpu_guest_context& from, PvState& to)
{
    for (std::size_t i = 0; i < to.traps.size(); ++i) {
        to.traps[i] = from.trap_ctxt[i];
        to.traps[i].cs = ring3(to.traps[i].cs);
    }
    to.event = {from.event_callback_eip, true};
    to.failsafe = {from.failsafe_callback_eip, (from.flags & VGCF_failsafe_disables_events) != 0};
    to.syscall = {from.syscall_callback_eip, (from.flags & VGCF_syscall_disables_events) != 0};
}

void copy_rest(const vcpu_guest_context& from, PvState& to)
{
    to.kernel_sp = from.kernel_sp;
    to.kernel_ss = ring3(from.kernel_ss);
    to.ds = from.user_regs.ds;
    to.es = from.user_regs.es;
    to.fs = from.user_regs.fs;
    to.gs = from.user_regs.gs;
    to.fs_base = from.fs_base;
    to.in_kernel = (from.flags & VGCF_in_kernel) != 0;
    to.gs_base = to.in_kernel ? from.gs_base_kernel : from.gs_base_user;
    to.other_gs_base = to.in_kernel ? from.gs_base_user : from.gs_base_kernel;
    to.cr4 = from.ctrlreg[4];
    to.io_privilege = static_cast<unsigned>(from.user_regs.rflags >> kIoPrivilegeShift & 3);
    if ((from.flags & VGCF_i387_valid) != 0)
        pv::set_legacy_state(
            to, std::as_bytes(std::span{&from.fpu_ctxt, 1}).first<pv::kLegacyBytes>()
        );
}

// `held`: the table the vCPU has a use of, or zero, as `root` may be. again: the same call again
// goes on.
Result<Unit> take_root(System& system, const Domain& domain, Mfn root, Mfn& held)
{
    if (held == root)
        return Unit{};
    if (root != Mfn{})
        TRY(system.tables.get_table(root, kRoot, domain.rights()));
    if (held != Mfn{})
        system.tables.put_table(held, kRoot);
    held = root;
    return Unit{};
}

bool names_its_tables(const PvState& pv, const vcpu_guest_context& context)
{
    if (Mfn{xen_cr3_to_pfn(context.ctrlreg[3])} != pv.kernel_table ||
        Mfn{context.ctrlreg[1] >> kPageShift} != pv.user_table ||
        context.gdt_ents != pv.gdt_entries || context.ldt_ents != pv.ldt_entries)
        return false;
    const std::size_t frames = (pv.gdt_entries + kGdtEntriesPerFrame - 1) / kGdtEntriesPerFrame;
    for (std::size_t i = 0; i < frames; ++i)
        if (Mfn{context.gdt_frames[i]} != pv.gdt[i])
            return false;
    return true;
}

} // namespace

Result<Unit> take_gdt(
    System& system,
    Domain& domain,
    std::span<const std::uint64_t> frames,
    std::array<Mfn, kGuestGdtFrames>& out
)
{
    out = {};
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (const auto taken = get_descriptors(system.memory, Mfn{frames[i]}, domain.id); !taken) {
            put_gdt(system, out);
            return taken.error();
        }
        out[i] = Mfn{frames[i]};
    }
    return Unit{};
}

void put_gdt(System& system, const std::array<Mfn, kGuestGdtFrames>& frames)
{
    for (const Mfn mfn : frames)
        if (mfn != Mfn{})
            put_descriptors(system.memory, mfn);
}

Result<Unit> set_pv_context(System& system, Vcpu& vcpu, const vcpu_guest_context& context)
{
    if (vcpu.initialised)
        return Errno::exist;
    if (vcpu.info == nullptr) // beyond what the shared page holds: register_vcpu_info first
        return Errno::inval;
    if (context.gdt_ents > kGuestGdtFrames * kGdtEntriesPerFrame)
        return Errno::inval;
    TRY(pv::set_local_table(system, vcpu, context.ldt_base, context.ldt_ents));
    Domain& domain = *vcpu.domain;
    const std::size_t gdt_frames =
        (context.gdt_ents + kGdtEntriesPerFrame - 1) / kGdtEntriesPerFrame;
    PvState& pv = vcpu.pv;
    // One after the other, each kept: when the second takes more than one call, the first stays.
    const Mfn root{xen_cr3_to_pfn(context.ctrlreg[3])};
    if (root == Mfn{})
        return Errno::inval;
    TRY(take_root(system, domain, root, pv.kernel_table));
    TRY(take_root(system, domain, Mfn{context.ctrlreg[1] >> kPageShift}, pv.user_table));
    std::array<Mfn, kGuestGdtFrames> gdt{};
    TRY(take_gdt(system, domain, {context.gdt_frames, gdt_frames}, gdt));

    pv.gdt = gdt;
    pv.gdt_entries = static_cast<unsigned>(context.gdt_ents);
    copy_registers(context.user_regs, vcpu.regs);
    copy_traps(context, pv);
    copy_rest(context, pv);
    vcpu.initialised = true;
    if (vcpu.id == 0) // who built the domain has cleared its shared page since it was made
        publish_wall_clock(system, domain);
    if ((context.flags & VGCF_online) != 0)
        unhold(system, vcpu, Hold::offline);
    return Unit{};
}

Result<Unit> replace_pv_context(Vcpu& vcpu, const vcpu_guest_context& context)
{
    if (!names_its_tables(vcpu.pv, context))
        return Errno::inval;
    copy_registers(context.user_regs, vcpu.regs);
    copy_traps(context, vcpu.pv);
    copy_rest(context, vcpu.pv);
    return Unit{};
}

} // namespace zocalo::hv
