// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/grant_pool.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"

#include <gtest/gtest.h>

#include <random>

namespace zocalo::blk {
namespace {

using namespace std::chrono_literals;

struct GrantPoolTest : testing::Test {
    xen::FakeGrantTable grants{DomId{7}};
    GrantPool pool{grants, DomId{7}, 4};
    GrantPool::Clock::time_point now = GrantPool::Clock::now();

    void SetUp() override
    {
        for (std::uint32_t ref = 1; ref < 100; ++ref)
            grants.page(ref).fill(static_cast<std::byte>(ref));
    }
    int value(std::uint32_t ref)
    {
        const auto page = pool.page(GrantRef{ref}, now);
        return page.empty() ? -1 : static_cast<int>(page[0]);
    }
};

TEST_F(GrantPoolTest, APageIsMappedOnce)
{
    EXPECT_EQ(value(1), 1);
    EXPECT_EQ(value(2), 2);
    EXPECT_EQ(value(1), 1);
    EXPECT_EQ(grants.mapped, 2u);
}

TEST_F(GrantPoolTest, ThePageUsedLongestAgoMakesRoom)
{
    for (const std::uint32_t ref : {1u, 2u, 3u, 4u, 1u, 5u})
        EXPECT_EQ(value(ref), static_cast<int>(ref));
    EXPECT_EQ(pool.mapped(), 4u);
    EXPECT_EQ(grants.mapped, 4u);
    grants.revoke(2); // gone, so it cannot be mapped again
    grants.revoke(1); // still mapped
    EXPECT_EQ(value(2), -1);
    EXPECT_EQ(value(1), 1);
}

TEST_F(GrantPoolTest, WhatCannotBeMappedCostsNoPlace)
{
    EXPECT_EQ(value(12345), -1);
    EXPECT_EQ(pool.mapped(), 0u);
}

TEST_F(GrantPoolTest, UnusedPagesGoAfterAWhileAFewAtATime)
{
    const auto start = now;
    for (const std::uint32_t ref : {1u, 2u, 3u})
        value(ref);
    now += 10s;
    value(2);
    EXPECT_EQ(pool.drop_unused(start, 10), 0u);
    EXPECT_EQ(pool.drop_unused(start + 1s, 1), 1u);
    EXPECT_EQ(pool.drop_unused(start + 1s, 10), 1u);
    EXPECT_EQ(grants.mapped, 1u);
    EXPECT_EQ(value(2), 2);
}

TEST_F(GrantPoolTest, AnyOrderOfUseKeepsPagesAndTheirNumbersTogether)
{
    GrantPool big{grants, DomId{7}, 37};
    std::mt19937 random{3};
    for (int i = 0; i < 20000; ++i) {
        now += 1ms;
        const auto ref = static_cast<std::uint32_t>(1 + random() % 99);
        const auto page = big.page(GrantRef{ref}, now);
        ASSERT_FALSE(page.empty());
        ASSERT_EQ(page[0], static_cast<std::byte>(ref));
        if (random() % 50 == 0)
            big.drop_unused(now - 20ms, random() % 8);
        ASSERT_LE(big.mapped(), 37u);
        ASSERT_EQ(big.mapped(), grants.mapped);
    }
}

TEST_F(GrantPoolTest, NothingStaysMappedWithoutThePool)
{
    {
        GrantPool other{grants, DomId{7}, 4};
        EXPECT_FALSE(other.page(GrantRef{1}, now).empty());
    }
    EXPECT_EQ(grants.mapped, 0u);
}

} // namespace
} // namespace zocalo::blk
