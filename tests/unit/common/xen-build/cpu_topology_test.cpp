// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/cpu_topology.hpp"

#include <gtest/gtest.h>

#include <array>

namespace zocalo::xen {
namespace {

constexpr std::uint32_t kNone = XEN_CPUID_NO_SUBLEAF;

xen_cpuid_leaf_t after(xen_cpuid_leaf_t leaf)
{
    std::array<xen_cpuid_leaf_t, 1> leaves{leaf};
    space_out_apic_ids(leaves);
    return leaves[0];
}

TEST(CpuTopology, APackageHoldsTwiceAsManyLogicalProcessors)
{
    const auto leaf = after({1, kNone, 7, 0x00040800, 9, 0});
    EXPECT_EQ(leaf.b, 0x00080800u);
    EXPECT_EQ(leaf.d, 1u << 28) << "the count is valid only with HTT";
    EXPECT_EQ(leaf.a, 7u);
    EXPECT_EQ(leaf.c, 9u);
}

TEST(CpuTopology, IntelCachesCountTwiceTheCoresAndNoSharers)
{
    const std::uint32_t four_cores_two_threads = (3u << 26) | (1u << 14) | 0x121;
    EXPECT_EQ(after({4, 0, four_cores_two_threads, 1, 2, 3}).a, (7u << 26) | 0x121u);
    EXPECT_EQ(after({4, 3, 0, 0, 0, 0}).a, 0u) << "no cache, nothing to count";
}

TEST(CpuTopology, AmdCountsCoresAndIdBitsTogether)
{
    EXPECT_EQ(after({0x80000008, kNone, 0, 0, 0x2003, 0}).c, 0x3007u);
    EXPECT_EQ(after({0x80000008, kNone, 0, 0, 0x0001, 0}).c, 0x0003u)
        << "0 bits: the count decides";
    EXPECT_EQ(after({0x80000001, kNone, 0, 0, 0x3, 0}).c, 0x1u) << "not the old way of counting";
}

TEST(CpuTopology, CountsThatAreFullStay)
{
    EXPECT_EQ(after({1, kNone, 0, 0x00800000, 0, 1u << 28}).b, 0x00800000u);
    EXPECT_EQ(after({4, 0, (0x20u << 26) | 1, 0, 0, 0}).a, (0x20u << 26) | 1);
    EXPECT_EQ(after({0x80000008, kNone, 0, 0, 0x8080, 0}).c, 0x8080u);
    EXPECT_EQ(after({0x80000008, kNone, 0, 0, 0xf001, 0}).c, 0xf001u);
}

TEST(CpuTopology, OnlyChangedLeavesComeToTheFront)
{
    std::array<xen_cpuid_leaf_t, 4> leaves{{
        {0, kNone, 13, 1, 2, 3},
        {1, kNone, 0, 0x00020000, 0, 0},
        {7, 0, 1, 2, 3, 4},
        {0x80000008, kNone, 0, 0, 1, 0},
    }};
    ASSERT_EQ(space_out_apic_ids(leaves), 2u);
    EXPECT_EQ(leaves[0].leaf + leaves[1].leaf, 1u + 0x80000008u);
    EXPECT_EQ(leaves[2].leaf + leaves[3].leaf, 7u) << "nothing is lost";
    EXPECT_EQ(space_out_apic_ids({}), 0u);
}

} // namespace
} // namespace zocalo::xen
