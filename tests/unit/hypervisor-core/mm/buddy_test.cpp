// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/buddy.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace zocalo::hv {
namespace {

struct BuddyTest : testing::Test {
    std::vector<FrameInfo> infos = std::vector<FrameInfo>(1024);
    FrameTable frames;
    Buddy buddy{frames};

    BuddyTest() { frames.assign(infos); }
};

TEST_F(BuddyTest, HandsOutEachFrameOnceAndThenHasNone)
{
    buddy.free_range(Mfn{3}, 500);
    EXPECT_EQ(buddy.free_frames(), 500U);
    std::set<std::uint64_t> seen;
    while (const auto frame = buddy.allocate(0))
        EXPECT_TRUE(seen.insert(frame->value).second);
    EXPECT_EQ(seen.size(), 500U);
    EXPECT_EQ(*seen.begin(), 3U);
    EXPECT_EQ(*seen.rbegin(), 502U);
    EXPECT_EQ(buddy.free_frames(), 0U);
}

TEST_F(BuddyTest, BlocksAreNaturallyAligned)
{
    buddy.free_range(Mfn{1}, 1000);
    for (const unsigned order : {8U, 5U, 3U, 7U}) {
        const auto block = buddy.allocate(order);
        ASSERT_TRUE(block) << order;
        EXPECT_EQ(block->value % (std::uint64_t{1} << order), 0U) << order;
    }
}

TEST_F(BuddyTest, FreedBuddiesBecomeOneBlockAgain)
{
    buddy.free_range(Mfn{0}, 512);
    std::vector<Mfn> all;
    for (unsigned i = 0; i < 512; ++i)
        all.push_back(*buddy.allocate(0));
    EXPECT_FALSE(buddy.allocate(1));
    for (const Mfn frame : all)
        buddy.free(frame, 0);
    EXPECT_EQ(buddy.largest_order(), 9U);
    EXPECT_TRUE(buddy.allocate(9));
}

TEST_F(BuddyTest, RespectsTheReachOfADevice)
{
    buddy.free_range(Mfn{0}, 1024);
    const auto low = buddy.allocate(0, 14); // below 16 KiB: frames 0 to 3
    ASSERT_TRUE(low);
    EXPECT_LT(low->value, 4U);
    EXPECT_FALSE(buddy.allocate(3, 14));
}

} // namespace
} // namespace zocalo::hv
