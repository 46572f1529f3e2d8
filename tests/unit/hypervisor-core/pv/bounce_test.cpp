// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/domain/domain.hpp"
#include "hypervisor-core/domain/guest_time.hpp"
#include "hypervisor-core/pv/bounce.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace zocalo::hv::pv {
namespace {

constexpr std::uint64_t kKernelStack = FakeMachine::kGuestStart + 0x2000;
constexpr std::uint64_t kUserStack = 0x7fff0000;
constexpr std::uint64_t kHandler = 0xffffffff81000000;

struct BounceTest : testing::Test {
    vcpu_info info{};
    Domain domain{};
    Vcpu vcpu{};
    TrapFrame frame{};

    BounceTest()
    {
        fake_machine().reset();
        vcpu.info = &info;
        vcpu.domain = &domain;
        vcpu.pv.kernel_sp = kKernelStack;
        frame.rip = 0x400000;
        frame.rsp = kUserStack;
        frame.cs = 0x33;
        frame.ss = 0x2b;
        frame.rflags = 0x10202;
        frame.rcx = 0x11;
        frame.r11 = 0x22;
    }
    std::uint64_t word(unsigned index) const
    {
        std::uint64_t value = 0;
        std::memcpy(&value, fake_machine().guest_bytes(frame.rsp + 8 * index), sizeof(value));
        return value;
    }
};

TEST_F(BounceTest, AFaultOfUserSpaceLandsOnTheKernelStackWithItsErrorCode)
{
    vcpu.pv.in_kernel = false;
    vcpu.pv.traps[14] = {14, 4, 0x13, kHandler};
    ASSERT_TRUE(inject_page_fault(vcpu, frame, 0xdead000, 6));
    EXPECT_EQ(frame.rip, kHandler);
    EXPECT_EQ(frame.cs, FLAT_KERNEL_CS);
    EXPECT_EQ(frame.rsp, kKernelStack - 8 * 8);
    EXPECT_EQ(word(0), 0x11U);
    EXPECT_EQ(word(1), 0x22U);
    EXPECT_EQ(word(2), 6U);
    EXPECT_EQ(word(3), 0x400000U);
    EXPECT_EQ(word(4), 0x33U);
    EXPECT_EQ(word(6), kUserStack);
    EXPECT_EQ(info.arch.cr2, 0xdead000U);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    EXPECT_TRUE(vcpu.pv.in_kernel);
    EXPECT_EQ(fake_machine().mode_switches, 1U);
}

TEST_F(BounceTest, AFrameOfTheKernelItselfShowsRingZeroAndNoUserAccess)
{
    frame.rsp = kKernelStack + 0x108;
    frame.cs = FLAT_KERNEL_CS;
    vcpu.pv.traps[14] = {14, 0, 0x13, kHandler};
    info.evtchn_upcall_mask = 1;
    ASSERT_TRUE(inject_page_fault(vcpu, frame, 0x1000, 7));
    EXPECT_EQ(frame.rsp % 16, 0U);
    EXPECT_EQ(word(2), 3U);
    EXPECT_EQ(word(4) & 0xffff, FLAT_KERNEL_CS & ~3U);
    EXPECT_EQ(word(4) >> 32, 1U);
    EXPECT_EQ(word(5) & kFlagInterrupts, 0U);
    EXPECT_EQ(fake_machine().mode_switches, 0U);
}

TEST_F(BounceTest, EventsAreDeliveredOnceAndOnlyWhileUnmasked)
{
    vcpu.pv.event = {kHandler, true};
    frame.rsp = kKernelStack;
    frame.cs = FLAT_KERNEL_CS;
    info.evtchn_upcall_pending = 1;
    info.evtchn_upcall_mask = 1;
    ASSERT_TRUE(deliver_events(vcpu, frame));
    EXPECT_EQ(frame.rip, 0x400000U);
    info.evtchn_upcall_mask = 0;
    ASSERT_TRUE(deliver_events(vcpu, frame));
    EXPECT_EQ(frame.rip, kHandler);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
}

TEST_F(BounceTest, TheFailsafeCallbackIsShownTheSelectors)
{
    vcpu.pv.in_kernel = false;
    vcpu.pv.failsafe = {kHandler, true};
    vcpu.pv.ds = 1, vcpu.pv.es = 2, vcpu.pv.fs = 3, vcpu.pv.gs = 4;
    ASSERT_TRUE(enter_failsafe(vcpu, frame));
    EXPECT_EQ(frame.rip, kHandler);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    EXPECT_TRUE(vcpu.pv.in_kernel);
    const std::array<std::uint64_t, 8> wanted{0x11, 0x22, 1, 2, 3, 4, 0x400000, 0x33};
    for (unsigned i = 0; i < wanted.size(); ++i)
        EXPECT_EQ(word(i), wanted[i]) << i;
    EXPECT_EQ(word(9), kUserStack);
}

struct ReturnTest : BounceTest {
    void kernel_returns(const iret_context& context)
    {
        frame.rsp = kKernelStack;
        std::memcpy(fake_machine().guest_bytes(kKernelStack), &context, sizeof(context));
    }
};

TEST_F(ReturnTest, AnIretGoesOnWhereTheFrameSays)
{
    vcpu.pv.user_table = Mfn{7};
    info.evtchn_upcall_mask = 1;
    kernel_returns(
        {.rax = 1,
         .r11 = 2,
         .rcx = 3,
         .rip = 0x401000,
         .cs = 0x33,
         .rflags = kFlagInterrupts | kFlagIoPrivilege,
         .rsp = kUserStack,
         .ss = 0x2b}
    );
    ASSERT_TRUE(return_from_kernel(vcpu, frame));
    EXPECT_EQ(frame.rax, 1U);
    EXPECT_EQ(frame.r11, 2U);
    EXPECT_EQ(frame.rcx, 3U);
    EXPECT_EQ(frame.rip, 0x401000U);
    EXPECT_EQ(frame.rsp, kUserStack);
    EXPECT_EQ(frame.rflags & kFlagIoPrivilege, 0U);
    EXPECT_FALSE(vcpu.pv.in_kernel);
    EXPECT_EQ(fake_machine().mode_switches, 1U);
    EXPECT_EQ(info.evtchn_upcall_mask, 0);
}

TEST_F(ReturnTest, AKernelCanReturnToItselfButNotToAUserSpaceItHasNot)
{
    kernel_returns({.rip = kHandler, .cs = 0xe030, .rflags = 0, .rsp = kKernelStack, .ss = 0xe02b});
    ASSERT_TRUE(return_from_kernel(vcpu, frame));
    EXPECT_EQ(frame.cs & 3, 3U);
    EXPECT_TRUE(vcpu.pv.in_kernel);
    EXPECT_EQ(fake_machine().mode_switches, 0U);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    kernel_returns({.rip = 0x401000, .cs = 0x33});
    EXPECT_FALSE(return_from_kernel(vcpu, frame));
}

TEST_F(ReturnTest, AFrameThatCannotBeReadIsReported)
{
    frame.rsp = 0x1000;
    EXPECT_FALSE(return_from_kernel(vcpu, frame));
}

TEST_F(BounceTest, AStackThatCannotBeWrittenIsReported)
{
    vcpu.pv.in_kernel = false;
    vcpu.pv.kernel_sp = 0x1000;
    vcpu.pv.syscall = {kHandler, false};
    EXPECT_FALSE(guest_syscall(vcpu, frame));
}

TEST_F(BounceTest, AnExceptionWithoutHandlerIsReported)
{
    EXPECT_FALSE(inject(vcpu, frame, 6, 0));
}

TEST_F(BounceTest, ASystemCallOf32BitCodeWithoutCallbackIsAnInvalidInstruction)
{
    vcpu.pv.in_kernel = false;
    vcpu.pv.traps[6] = {6, 4, 0x13, kHandler};
    ASSERT_TRUE(guest_syscall32(vcpu, frame));
    EXPECT_EQ(frame.rip, kHandler);
    EXPECT_EQ(word(2), 0x400000U - 2);
    frame.rip = 0x400000;
    frame.rsp = kKernelStack;
    vcpu.pv.syscall32 = {kHandler + 1, true};
    ASSERT_TRUE(guest_syscall32(vcpu, frame));
    EXPECT_EQ(frame.rip, kHandler + 1);
}

TEST_F(BounceTest, ARunStateThatUserSpaceMissedIsShownToTheKernelThatRunsNext)
{
    constexpr std::uint64_t kArea = FakeMachine::kGuestStart + 0x8000;
    const auto shown = [] {
        vcpu_runstate_info area;
        std::memcpy(&area, fake_machine().guest_bytes(kArea), sizeof(area));
        return area;
    };
    vcpu.runstate_area = kArea;
    vcpu.runstate.time[RUNSTATE_runnable] = 77;
    vcpu.pv.in_kernel = false;
    vcpu.pv.syscall = {kHandler, false};
    publish_run_state(vcpu);
    EXPECT_EQ(shown().time[RUNSTATE_runnable], 0U);
    ASSERT_TRUE(guest_syscall(vcpu, frame));
    EXPECT_EQ(shown().time[RUNSTATE_runnable], 77U);
    EXPECT_FALSE(vcpu.runstate_waits);
}

TEST_F(BounceTest, TheMarkOfAChangingRunStateIsGoneAfterwards)
{
    constexpr std::uint64_t kArea = FakeMachine::kGuestStart + 0x8000;
    domain.vm_assist = 1U << VMASST_TYPE_runstate_update_flag;
    vcpu.runstate_area = kArea;
    vcpu.runstate.state_entry_time = 5;
    vcpu.runstate.time[RUNSTATE_blocked] = 9;
    publish_run_state(vcpu);
    EXPECT_EQ(
        std::memcmp(fake_machine().guest_bytes(kArea), &vcpu.runstate, sizeof(vcpu.runstate)), 0
    );
}

TEST_F(BounceTest, TheFrameShowsThePrivilegeLevelToThoseWhoAskedForIt)
{
    constexpr std::uint64_t kLevel = 3 << 12;
    vcpu.pv.event = {kHandler, true};
    vcpu.pv.io_privilege = 3;
    info.evtchn_upcall_pending = 1;
    frame.rsp = kKernelStack;
    ASSERT_TRUE(deliver_events(vcpu, frame));
    EXPECT_EQ(word(4) & kLevel, 0U);
    domain.vm_assist = 1U << VMASST_TYPE_architectural_iopl;
    info.evtchn_upcall_mask = 0;
    ASSERT_TRUE(deliver_events(vcpu, frame));
    EXPECT_EQ(word(4) & kLevel, kLevel);
}

TEST_F(BounceTest, FlagsThatWouldReachOutOfTheGuestAreNeverTaken)
{
    EXPECT_EQ(guest_flags(~std::uint64_t{0}) & (kFlagIoPrivilege | kFlagVirtual8086), 0U);
    EXPECT_NE(guest_flags(0) & kFlagInterrupts, 0U);
}

} // namespace
} // namespace zocalo::hv::pv
