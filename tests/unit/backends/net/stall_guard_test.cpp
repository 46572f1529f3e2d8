// SPDX-License-Identifier: Apache-2.0
#include "backends/net/stall_guard.hpp"

#include <gtest/gtest.h>

namespace zocalo::net {
namespace {

using namespace std::chrono_literals;
using Act = StallGuard::Act;

constexpr StallGuard::Clock::time_point kStart{1000s};

TEST(StallGuard, ShortWaitsAreNothing)
{
    StallGuard guard;
    EXPECT_EQ(guard.waiting(kStart), Act::none);
    EXPECT_EQ(guard.waiting(kStart + 9s), Act::none);
    EXPECT_EQ(guard.moving(), Act::none);
    EXPECT_EQ(guard.waiting(kStart + 15s), Act::none) << "a new wait";
}

TEST(StallGuard, OldFramesAreDiscardedEveryTenSeconds)
{
    StallGuard guard;
    EXPECT_EQ(guard.waiting(kStart), Act::none);
    EXPECT_EQ(guard.waiting(kStart + 10s), Act::discard);
    EXPECT_EQ(guard.waiting(kStart + 11s), Act::none);
    EXPECT_EQ(guard.waiting(kStart + 20s), Act::discard);
}

TEST(StallGuard, AfterAMinuteTheCarrierGoesOnceAndComesBackWithTheGuest)
{
    StallGuard guard;
    guard.waiting(kStart);
    EXPECT_EQ(guard.waiting(kStart + 60s), Act::stall);
    EXPECT_TRUE(guard.stalled());
    EXPECT_NE(guard.waiting(kStart + 61s), Act::stall);
    EXPECT_EQ(guard.moving(), Act::recover);
    EXPECT_FALSE(guard.stalled());
    EXPECT_EQ(guard.moving(), Act::none);
}

} // namespace
} // namespace zocalo::net
