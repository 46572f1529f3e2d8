// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/io_ranges.hpp"

#include <gtest/gtest.h>

#include <bitset>
#include <limits>
#include <random>

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();

TEST(IoRanges, WhatWasGivenIsCoveredAndNothingElse)
{
    IoRanges ranges;
    EXPECT_FALSE(ranges.covers(0, 0));
    ASSERT_TRUE(ranges.give(0x70, 0x71));
    EXPECT_TRUE(ranges.covers(0x70, 0x71));
    EXPECT_FALSE(ranges.covers(0x6f, 0x70));
    EXPECT_FALSE(ranges.covers(0x71, 0x72));
    ASSERT_TRUE(ranges.give(0x72, 0x7f)) << "what touches becomes one";
    EXPECT_TRUE(ranges.covers(0x70, 0x7f));
    ASSERT_TRUE(ranges.take(0x74, 0x75));
    EXPECT_FALSE(ranges.covers(0x70, 0x7f));
    EXPECT_TRUE(ranges.covers(0x76, 0x7f));
    ASSERT_TRUE(ranges.give(0, kEnd));
    EXPECT_TRUE(ranges.covers(kEnd, kEnd));
    ASSERT_TRUE(ranges.take(0, kEnd));
    EXPECT_FALSE(ranges.covers(kEnd, kEnd));
}

TEST(IoRanges, ThereIsRoomForSoMany)
{
    IoRanges ranges;
    for (std::uint64_t i = 0; i < IoRanges::kMost; ++i)
        ASSERT_TRUE(ranges.give(10 * i, 10 * i + 5));
    EXPECT_EQ(ranges.give(1000, 1000).error(), Errno::nospc);
    EXPECT_EQ(ranges.take(2, 3).error(), Errno::nospc);
    EXPECT_TRUE(ranges.covers(0, 5)) << "a refusal changes nothing";
    EXPECT_TRUE(ranges.give(0, 1000));
    EXPECT_TRUE(ranges.covers(1, 999));
}

// Against a set of single numbers.
TEST(IoRanges, AnyOrderOfChangesAgreesWithASet)
{
    std::mt19937 random{7};
    std::uniform_int_distribution<unsigned> number{0, 63};
    for (unsigned round = 0; round < 200; ++round) {
        IoRanges ranges;
        std::bitset<64> set;
        for (unsigned step = 0; step < 40; ++step) {
            unsigned first = number(random), last = number(random);
            if (first > last)
                std::swap(first, last);
            const bool gives = number(random) % 2 == 0;
            ASSERT_TRUE(gives ? ranges.give(first, last) : ranges.take(first, last));
            for (unsigned i = first; i <= last; ++i)
                set[i] = gives;
            for (unsigned i = 0; i < 64; ++i)
                ASSERT_EQ(ranges.covers(i, i), set[i]) << i;
        }
    }
}

} // namespace
} // namespace zocalo::hv
