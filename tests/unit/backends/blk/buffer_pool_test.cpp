// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/buffer_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace zocalo::blk {
namespace {

TEST(BufferPool, BuffersAreAlignedExactAndDisjoint)
{
    auto pool = BufferPool::create(1 << 20);
    ASSERT_TRUE(pool);
    EXPECT_EQ(pool->pages(), 256u);
    std::vector<std::span<std::byte>> taken;
    for (std::size_t bytes : {512u, 4096u, 4097u, 45056u, 131072u}) {
        auto buffer = pool->take(bytes);
        ASSERT_EQ(buffer.size(), bytes);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 4096, 0u);
        std::memset(buffer.data(), static_cast<int>(taken.size() + 1), bytes);
        taken.push_back(buffer);
    }
    for (std::size_t i = 0; i < taken.size(); ++i)
        EXPECT_TRUE(std::all_of(taken[i].begin(), taken[i].end(), [&](std::byte b) {
            return b == static_cast<std::byte>(i + 1);
        }));
}

TEST(BufferPool, AnEmptyPoolSaysSoAndRecoversCompletely)
{
    auto pool = BufferPool::create(1);
    ASSERT_TRUE(pool);
    auto all = pool->take(256 * 4096);
    ASSERT_FALSE(all.empty());
    EXPECT_TRUE(pool->take(1).empty());
    pool->give_back(all);
    EXPECT_EQ(pool->pages_in_use(), 0u);
    EXPECT_FALSE(pool->take(256 * 4096).empty());
}

TEST(BufferPool, SinglePagesThatWereGivenBackDoNotStandInALargeOnesWay)
{
    auto pool = BufferPool::create(1 << 20);
    ASSERT_TRUE(pool);
    std::vector<std::span<std::byte>> pages;
    for (auto page = pool->take(4096); !page.empty(); page = pool->take(4096))
        pages.push_back(page);
    EXPECT_EQ(pages.size(), 256u);
    for (auto page : pages)
        pool->give_back(page);
    EXPECT_EQ(pool->pages_in_use(), 0u);
    auto whole = pool->take(1 << 20);
    ASSERT_EQ(whole.size(), 1u << 20);
    EXPECT_TRUE(pool->take(512).empty());
    pool->give_back(whole);
    const auto one = pool->take(512);
    pool->give_back(one);
    EXPECT_EQ(pool->take(4096).data(), one.data()) << "the page that was used last is used next";
}

TEST(BufferPool, AnyOrderOfGivingBackMergesToWholeBlocks)
{
    auto pool = BufferPool::create(2 << 20);
    ASSERT_TRUE(pool);
    std::uint64_t seed = 3;
    const auto random = [&seed](std::size_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::size_t>(seed >> 33) % below;
    };
    for (int round = 0; round < 50; ++round) {
        std::vector<std::span<std::byte>> taken;
        while (taken.size() < 60) {
            auto buffer = pool->take(1 + random(40 * 4096));
            if (buffer.empty())
                break;
            taken.push_back(buffer);
        }
        while (!taken.empty()) {
            std::swap(taken[random(taken.size())], taken.back());
            pool->give_back(taken.back());
            taken.pop_back();
        }
        ASSERT_EQ(pool->pages_in_use(), 0u);
    }
    auto first = pool->take(1 << 20);
    auto second = pool->take(1 << 20);
    EXPECT_FALSE(first.empty() || second.empty());
}

} // namespace
} // namespace zocalo::blk
