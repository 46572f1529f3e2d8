// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/cpu_list.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

const std::vector<std::uint32_t> kHost{0, 0, 0, 0, 1, 1, 1, 1}; // eight CPUs, two nodes

std::string through(std::string_view text)
{
    const auto set = parse_cpus(text, kHost);
    return set ? format_cpus(*set, kHost.size()) : "error: " + set.error().what;
}

TEST(CpuList, ReadsTheManualsExamples)
{
    EXPECT_EQ(through("all"), "all");
    EXPECT_EQ(through("0-3,5,^1"), "0,2-3,5");
    EXPECT_EQ(through("nodes:0-1"), "all");
    EXPECT_EQ(through("node:1"), "4-7");
    EXPECT_EQ(through("nodes:all,^nodes:0"), "4-7");
    EXPECT_EQ(through("all,^nodes:1,^0"), "1-3");
    EXPECT_EQ(through(" 2 , 4 "), "2,4");
    EXPECT_EQ(through("^1"), "0,2-7");
}

TEST(CpuList, KeepsTheOrderOfInclusionAndExclusion)
{
    EXPECT_EQ(through("^1,0-2"), "all");
    EXPECT_EQ(through("0-2,^1,1"), "0-2");
}

TEST(CpuList, RefusesNonsenseWithExamples)
{
    for (const char* text :
         {"",
          ",",
          "a",
          "1-",
          "-1",
          "3-1",
          "1,,2",
          "99999999999",
          "8",
          "nodes:2",
          "0,^0",
          "^all",
          "0x1"}) {
        const auto set = parse_cpus(text, kHost);
        ASSERT_FALSE(set) << text;
        EXPECT_EQ(set.error().code, Code::usage);
        EXPECT_FALSE(set.error().next.empty());
    }
}

TEST(CpuList, FormatsFullAndEmptySetsInWords)
{
    EXPECT_EQ(format_cpus(CpuSet(128, true), 8), "all");
    EXPECT_EQ(format_cpus(CpuSet(8), 8), "none");
}

} // namespace
} // namespace zocalo::toolstack
