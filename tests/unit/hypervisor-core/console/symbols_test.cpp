// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/console/symbols.hpp"

#include <gtest/gtest.h>

#include <array>

namespace zocalo::hv {
namespace {

TEST(Symbols, AnAddressLiesInTheFunctionThatStartsLastBeforeIt)
{
    const std::array<Symbol, 3> table{{{0x1000, "a"}, {0x1010, "b"}, {0x2000, "c"}}};
    EXPECT_EQ(find_symbol(table, 0xfff).name, "");
    EXPECT_EQ(find_symbol(table, 0x1000).name, "a");
    EXPECT_EQ(find_symbol(table, 0x1fff).name, "b");
    EXPECT_EQ(find_symbol(table, 0x1fff).offset, 0xfefU);
    EXPECT_EQ(find_symbol(table, ~0ULL).name, "c");
    EXPECT_EQ(find_symbol({}, 0x1000).name, "") << "the image's first link";
}

} // namespace
} // namespace zocalo::hv
