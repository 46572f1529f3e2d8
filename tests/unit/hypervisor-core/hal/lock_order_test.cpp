// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hal/lock_order.hpp"

#include <gtest/gtest.h>

namespace zocalo::hv {
namespace {

TEST(LockOrder, LocksAreTakenInTheirOrder)
{
    LockOrder locks;
    ASSERT_TRUE(locks.may_take(LockRank::system));
    locks.took(LockRank::system);
    ASSERT_TRUE(locks.may_take(LockRank::console));
    locks.took(LockRank::console);
    EXPECT_TRUE(locks.holds(LockRank::system));
    locks.dropped(LockRank::console);
    EXPECT_TRUE(locks.may_take(LockRank::console));
    EXPECT_TRUE(locks.holds(LockRank::system));
}

TEST(LockOrder, NoneIsTakenTwiceOrAfterALaterOne)
{
    LockOrder locks;
    locks.took(LockRank::console);
    EXPECT_FALSE(locks.may_take(LockRank::console));
    EXPECT_FALSE(locks.may_take(LockRank::system));
    locks.dropped(LockRank::console);
    locks.took(LockRank::system);
    EXPECT_FALSE(locks.may_take(LockRank::system));
}

} // namespace
} // namespace zocalo::hv
