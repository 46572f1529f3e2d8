// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/instruction.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace zocalo::hv::pv {
namespace {

std::optional<Instruction> of(std::initializer_list<int> bytes)
{
    std::vector<std::uint8_t> raw;
    for (const int byte : bytes)
        raw.push_back(static_cast<std::uint8_t>(byte));
    return decode(raw);
}

TEST(Instruction, ExchangeOfAnEntryWithARegister) // xchg %rax,(%rdi)
{
    const auto i = of({0x48, 0x87, 0x07});
    ASSERT_TRUE(i);
    EXPECT_EQ(i->operation, Operation::exchange);
    EXPECT_EQ(i->length, 3U);
    EXPECT_EQ(i->width, 8U);
    EXPECT_EQ(i->reg, 0U);
}

TEST(Instruction, LockedByteAndOfAnEntry) // lock andb $0xfd,0x10(%rax,%rbx,8)
{
    const auto i = of({0xf0, 0x80, 0x64, 0xd8, 0x10, 0xfd});
    ASSERT_TRUE(i);
    EXPECT_EQ(i->operation, Operation::bit_and);
    EXPECT_EQ(i->length, 6U);
    EXPECT_EQ(i->width, 1U);
    EXPECT_EQ(i->immediate & 0xff, 0xfdU);
}

TEST(Instruction, StoreWithEveryFormOfAddress)
{
    EXPECT_EQ(of({0x48, 0x89, 0x28})->reg, 5U);                      // (%rax)
    EXPECT_EQ(of({0x4c, 0x89, 0x04, 0x25, 0, 0, 0, 0})->length, 8U); // disp32
    EXPECT_EQ(of({0x4c, 0x89, 0x04, 0x25, 0, 0, 0, 0})->reg, 8U);
    EXPECT_EQ(of({0x48, 0x89, 0x05, 1, 2, 3, 4})->length, 7U);                   // (%rip)
    EXPECT_EQ(of({0x48, 0x89, 0x84, 0x24, 1, 2, 3, 4})->length, 8U);             // disp32(%rsp)
    EXPECT_EQ(of({0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff})->immediate, ~0ULL); // sign-extended
    EXPECT_EQ(of({0x66, 0x89, 0x18})->width, 2U);
    EXPECT_TRUE(of({0x88, 0x20})->high_byte); // mov %ah,(%rax)
    EXPECT_FALSE(of({0x40, 0x88, 0x20})->high_byte);
}

TEST(Instruction, PortsByImmediateAndByRegister)
{
    EXPECT_EQ(of({0xe4, 0x71})->immediate, 0x71U);
    EXPECT_EQ(of({0xed})->width, 4U);
    EXPECT_EQ(of({0x66, 0xef})->width, 2U);
    EXPECT_EQ(of({0xee})->operation, Operation::out);
    EXPECT_TRUE(of({0xf3, 0x6c})->repeated);
    EXPECT_EQ(of({0xf3, 0x6c})->operation, Operation::in_string);
}

TEST(Instruction, PrivilegedOnes)
{
    EXPECT_EQ(of({0x0f, 0x32})->operation, Operation::read_msr);
    EXPECT_EQ(of({0x0f, 0xa2})->operation, Operation::cpuid);
    EXPECT_EQ(of({0x0f, 0x20, 0xd0})->control, 2U);   // mov %cr2,%rax
    EXPECT_EQ(of({0x41, 0x0f, 0x22, 0xe1})->reg, 9U); // mov %r9,%cr4
    EXPECT_EQ(of({0xfa})->operation, Operation::clear_interrupts);
}

TEST(Instruction, WhatIsCutOffOrUnknownIsNone)
{
    EXPECT_FALSE(of({}));
    EXPECT_FALSE(of({0x48}));
    EXPECT_FALSE(of({0x48, 0x89}));
    EXPECT_FALSE(of({0x48, 0x89, 0x05, 1, 2}));
    EXPECT_FALSE(of({0x48, 0x89, 0xc0})); // register to register cannot fault
    EXPECT_FALSE(of({0x0f, 0xff}));
    EXPECT_FALSE(
        of({0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x66,
            0x90})
    );
}

} // namespace
} // namespace zocalo::hv::pv
