// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/pv/debug_registers.hpp"

#include <gtest/gtest.h>

namespace zocalo::hv::pv {
namespace {

constexpr std::uint64_t kFirstControl = DebugRegisters::kControlAtFirst;
constexpr std::uint64_t kPortInDr0 = 0x20002; // DR0: ports, global

struct DebugRegistersTest : testing::Test {
    Vcpu vcpu{};

    DebugRegistersTest() { fake_machine().reset(); }
    std::uint64_t read(std::uint64_t number) const { return *read_debug_register(vcpu, number); }
};

TEST_F(DebugRegistersTest, TheyHaveTheirFirstValues)
{
    for (const std::uint64_t number : {0U, 1U, 2U, 3U})
        EXPECT_EQ(read(number), 0U);
    EXPECT_EQ(read(6), 0xffff0ff0U);
    EXPECT_EQ(read(7), 0x400U);
    EXPECT_FALSE(vcpu.pv.debug.active());
}

// The class of XSA-156 and XSA-444.
TEST_F(DebugRegistersTest, NoBreakpointIsEverInTheHypervisor)
{
    for (const std::uint64_t address :
         {std::uint64_t{0xffff800000000000},
          std::uint64_t{0xffff82e000000000},
          std::uint64_t{0xffff87ffffffffff},
          std::uint64_t{1} << 47})
        EXPECT_EQ(write_debug_register(vcpu, 1, address).error(), Errno::perm);
    EXPECT_TRUE(write_debug_register(vcpu, 1, 0xffff880000000000));
    EXPECT_TRUE(write_debug_register(vcpu, 1, 0x7fffffffffff));
}

TEST_F(DebugRegistersTest, BitsThatAreNotTheGuestsAreRefused)
{
    EXPECT_EQ(write_debug_register(vcpu, 7, 1 << 13).error(), Errno::perm);
    EXPECT_EQ(write_debug_register(vcpu, 7, std::uint64_t{1} << 32).error(), Errno::inval);
    EXPECT_EQ(write_debug_register(vcpu, 6, std::uint64_t{1} << 32).error(), Errno::inval);
    EXPECT_EQ(write_debug_register(vcpu, 8, 0).error(), Errno::nodev);
    EXPECT_EQ(read(7), kFirstControl);
}

TEST_F(DebugRegistersTest, PortBreakpointsNeedTheExtensionAndAreShownButNotLoaded)
{
    EXPECT_EQ(write_debug_register(vcpu, 7, kPortInDr0).error(), Errno::perm);
    vcpu.pv.cr4 = kCr4DebugExtensions;
    ASSERT_TRUE(write_debug_register(vcpu, 7, kPortInDr0));
    EXPECT_EQ(read(7), kPortInDr0 | kFirstControl);
    EXPECT_FALSE(vcpu.pv.debug.active());
    vcpu.pv.cr4 = 0;
    EXPECT_FALSE(write_debug_register(vcpu, 7, kPortInDr0));
    EXPECT_EQ(read(7), kPortInDr0 | kFirstControl) << "a refused write changes nothing";
}

TEST_F(DebugRegistersTest, FourAndFiveAreSixAndSevenUnlessExtensionsAreOn)
{
    EXPECT_EQ(read(5), read(7));
    vcpu.pv.cr4 = kCr4DebugExtensions;
    EXPECT_EQ(read_debug_register(vcpu, 4).error(), Errno::nodev);
    EXPECT_EQ(write_debug_register(vcpu, 5, 0).error(), Errno::nodev);
}

TEST_F(DebugRegistersTest, WhatTheProcessorTellsIsAddedToTheGuestsStatus)
{
    fake_machine().debug_status = 0xffff0ff2;
    take_debug_status(vcpu);
    EXPECT_EQ(read(6), 0xffff0ff2U);
    take_debug_status(vcpu);
    EXPECT_EQ(read(6), 0xffff0ff2U) << "nothing new was told";
    ASSERT_TRUE(write_debug_register(vcpu, 6, 0));
    EXPECT_EQ(read(6), 0xffff0ff0U);
}

} // namespace
} // namespace zocalo::hv::pv
