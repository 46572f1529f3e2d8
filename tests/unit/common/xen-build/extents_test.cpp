// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/extents.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace zocalo::xen {
namespace {

// Walks a range as populate_range does; answers how many extents of each order it took.
std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>
cut(std::uint64_t first, std::uint64_t pages, unsigned max_order)
{
    std::uint64_t small = 0, medium = 0, large = 0;
    const std::uint64_t end = first + pages;
    while (first < end) {
        const unsigned order = largest_order(first, end - first, max_order);
        const std::uint64_t run = run_of_order(first, end - first, order, max_order);
        const std::uint64_t size = std::uint64_t{1} << order;
        EXPECT_LE(order, max_order);
        EXPECT_EQ(first % size, 0u);
        EXPECT_GE(run, 1u);
        EXPECT_LE(first + run * size, end);
        for (std::uint64_t i = 0; i < run && run < 100'000; ++i)
            EXPECT_EQ(largest_order(first + i * size, end - first - i * size, max_order), order);
        (order == kOrder4K ? small : order == kOrder2M ? medium : large) += run;
        first += run * size;
    }
    return {small, medium, large};
}

TEST(Extents, UseTheLargestPageThatFits)
{
    EXPECT_EQ(cut(0, 512, kOrder1G), std::tuple(0, 1, 0));
    EXPECT_EQ(cut(0, 511, kOrder1G), std::tuple(511, 0, 0));
    EXPECT_EQ(cut(1, 1024, kOrder1G), std::tuple(512, 1, 0));
    EXPECT_EQ(cut(0, 1 << 18, kOrder1G), std::tuple(0, 0, 1));
    EXPECT_EQ(cut(0, 1 << 18, kOrder2M), std::tuple(0, 512, 0));
    EXPECT_EQ(cut(0, 3 * (1 << 18) + 512 + 5, kOrder1G), std::tuple(5, 1, 3));
    EXPECT_EQ(cut(512, (1 << 18), kOrder1G), std::tuple(0, 512, 0));
    EXPECT_EQ(cut(512, 2 * (1 << 18), kOrder1G), std::tuple(0, 512, 1));
}

TEST(Extents, CoverOddRangesWithoutGapOrOverlap)
{
    for (std::uint64_t first : {0ULL, 1ULL, 511ULL, 513ULL, 262143ULL, 262145ULL})
        for (std::uint64_t pages : {1ULL, 2ULL, 512ULL, 1025ULL, 262144ULL, 600000ULL}) {
            const auto [small, medium, large] = cut(first, pages, kOrder1G);
            EXPECT_EQ(small + medium * 512 + large * (1 << 18), pages) << first << " " << pages;
            EXPECT_LT(small, 1024u);
        }
}

} // namespace
} // namespace zocalo::xen
