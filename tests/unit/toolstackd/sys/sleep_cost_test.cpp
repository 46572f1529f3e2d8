// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/sleep_cost.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>

namespace zocalo::toolstack {
namespace {

using std::chrono::microseconds;

TEST(SleepCost, IsMeasuredOnThisMachine)
{
    EXPECT_GE(sleep_cost(), microseconds{0}); // and it ends
}

TEST(SleepCost, IsNothingWhenItCannotBeTold)
{
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const microseconds cost = sleep_cost();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(cost, microseconds{0});
}

TEST(WatchLength, FollowsWhatASleepCostsWithinBounds)
{
    EXPECT_EQ(watch_length(microseconds{0}), microseconds{100});
    EXPECT_EQ(watch_length(microseconds{9}), microseconds{100});
    EXPECT_EQ(watch_length(microseconds{300}), microseconds{3000});
    EXPECT_EQ(watch_length(microseconds{70'000}), microseconds{5000});
}

} // namespace
} // namespace zocalo::toolstack
