// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/pace.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

using namespace std::chrono_literals;

TEST(Pace, ABurstIsFreeThenTheRateHolds)
{
    Pace pace{1000, 5000};
    const Pace::Clock::time_point start{1h};
    EXPECT_EQ(pace.take(5000, start), 0ms);
    EXPECT_EQ(pace.take(2000, start), 2001ms);
    EXPECT_EQ(pace.take(0, start + 2s), 0ms);
    EXPECT_GT(pace.take(1000, start + 2s), 0ms);
}

TEST(Pace, ALongSilenceDoesNotSaveUpMoreThanTheBurst)
{
    Pace pace{1000, 5000};
    const Pace::Clock::time_point start{1h};
    pace.take(0, start);
    EXPECT_EQ(pace.take(5000, start + 1000h), 0ms);
    EXPECT_EQ(pace.take(1000, start + 1000h), 1001ms);
}

} // namespace
} // namespace zocalo::toolstack
