// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pv_start.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

PvPlan linux_plan(std::uint64_t initrd_bytes)
{
    const auto image = parse_kernel(kernel_file());
    EXPECT_TRUE(image);
    const auto plan = plan_pv(*image, {.pages = 65536, .initrd_bytes = initrd_bytes});
    EXPECT_TRUE(plan);
    return *plan;
}

TEST(PvStart, StartInfoTellsTheGuestWhereEverythingIs)
{
    const PvPlan plan = linux_plan(12345);
    start_info info{};
    fill_start_info(
        plan,
        {.shared_info_address = 0xabc000,
         .xenstore = {111},
         .xenstore_port = {1},
         .console = {222},
         .console_port = {2},
         .flags = 0,
         .command_line = "console=hvc0"},
        info
    );
    EXPECT_STREQ(info.magic, "xen-3.0-x86_64");
    EXPECT_EQ(info.nr_pages, 65536u);
    EXPECT_EQ(info.shared_info, 0xabc000u);
    EXPECT_EQ(info.flags, static_cast<std::uint32_t>(SIF_MOD_START_PFN));
    EXPECT_EQ(info.store_mfn, 111u);
    EXPECT_EQ(info.store_evtchn, 1u);
    EXPECT_EQ(info.console.domU.mfn, 222u);
    EXPECT_EQ(info.console.domU.evtchn, 2u);
    EXPECT_EQ(info.pt_base, plan.va(plan.tables.first));
    EXPECT_EQ(info.nr_pt_frames, plan.tables.pages);
    EXPECT_EQ(info.mfn_list, kInitP2m);
    EXPECT_EQ(info.mod_start, plan.initrd.first.value);
    EXPECT_EQ(info.mod_len, 12345u);
    EXPECT_STREQ(reinterpret_cast<const char*>(info.cmd_line), "console=hvc0");
    EXPECT_EQ(info.first_p2m_pfn, plan.p2m.first.value);
    EXPECT_EQ(info.nr_p2m_frames, plan.p2m.pages + plan.p2m_tables.pages);
}

TEST(PvStart, WithoutInitrdNoModuleIsAnnounced)
{
    start_info info{};
    fill_start_info(linux_plan(0), PvStart{.command_line = std::string(4000, 'x')}, info);
    EXPECT_EQ(info.mod_len, 0u);
    EXPECT_EQ(info.mod_start, 0u);
    EXPECT_EQ(info.flags, 0u);
    EXPECT_EQ(info.cmd_line[MAX_GUEST_CMDLINE - 1], 0) << "the command line must end";
}

TEST(PvStart, TheFirstVcpuEntersTheKernelWithItsStartInfo)
{
    const PvPlan plan = linux_plan(0);
    vcpu_guest_context context{};
    context.gdt_ents = 7;
    fill_vcpu_context(plan, Mfn{0x1234}, context);
    EXPECT_EQ(context.user_regs.rip, kVirtBase + kKernelAt + 0x10);
    EXPECT_EQ(context.user_regs.rsi, plan.va(plan.start_info.first));
    EXPECT_EQ(context.user_regs.rsp, plan.va(plan.stack.first) + kPageSize);
    EXPECT_EQ(context.user_regs.cs, 0xe033);
    EXPECT_EQ(context.user_regs.ss, 0xe02b);
    EXPECT_EQ(context.user_regs.rflags, 0x200u);
    EXPECT_EQ(context.kernel_sp, context.user_regs.rsp);
    EXPECT_EQ(context.kernel_ss, 0xe02bu);
    EXPECT_EQ(context.ctrlreg[3], 0x1234000u);
    EXPECT_EQ(context.flags, 0x24u);
    EXPECT_EQ(context.gdt_ents, 0u);
}

} // namespace
} // namespace zocalo::xen
