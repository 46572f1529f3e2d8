// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pv_start.hpp"

namespace zocalo::xen {
namespace {

constexpr std::string_view kMagic = "xen-3.0-x86_64";
constexpr std::uint64_t kInterruptsOn = 1 << 9; // EFLAGS.IF

} // namespace

void fill_start_info(const PvPlan& plan, const PvStart& start, start_info& out)
{
    out = start_info{};
    for (std::size_t i = 0; i < kMagic.size(); ++i)
        out.magic[i] = kMagic[i];
    out.nr_pages = plan.pages;
    out.shared_info = start.shared_info_address;
    out.flags = start.flags | (plan.initrd_by_pfn ? SIF_MOD_START_PFN : 0U);
    out.store_mfn = start.xenstore.value;
    out.store_evtchn = start.xenstore_port.value;
    out.console.domU.mfn = start.console.value;
    out.console.domU.evtchn = start.console_port.value;
    out.pt_base = plan.va(plan.tables.first);
    out.nr_pt_frames = plan.tables.pages;
    out.mfn_list = plan.p2m_va();
    if (plan.initrd_bytes != 0) {
        out.mod_start = plan.initrd_by_pfn ? plan.initrd.first.value : plan.va(plan.initrd.first);
        out.mod_len = plan.initrd_bytes;
    }
    for (std::size_t i = 0; i < start.command_line.size() && i + 1 < MAX_GUEST_CMDLINE; ++i)
        out.cmd_line[i] = static_cast<std::int8_t>(start.command_line[i]);
    if (plan.p2m_is_apart) {
        out.first_p2m_pfn = plan.p2m.first.value;
        out.nr_p2m_frames = plan.p2m.pages + plan.p2m_tables.pages;
    }
}

void fill_vcpu_context(const PvPlan& plan, Mfn l4, vcpu_guest_context& out)
{
    out = vcpu_guest_context{};
    out.flags = VGCF_in_kernel | VGCF_online;
    out.user_regs.rip = plan.entry;
    out.user_regs.rsp = plan.stack_top();
    out.user_regs.rsi = plan.va(plan.start_info.first);
    out.user_regs.rflags = kInterruptsOn;
    out.user_regs.cs = FLAT_KERNEL_CS;
    out.user_regs.ss = FLAT_KERNEL_SS;
    out.kernel_ss = FLAT_KERNEL_SS;
    out.kernel_sp = plan.stack_top();
    out.ctrlreg[3] = l4.value << kPageShift;
}

} // namespace zocalo::xen
