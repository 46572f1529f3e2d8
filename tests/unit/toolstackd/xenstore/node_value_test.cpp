// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/device_states.hpp"
#include "toolstackd/xenstore/node_value.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

TEST(NodeValue, IsANumberOrNothing)
{
    EXPECT_EQ(node_number("51712"), 51712);
    for (const char* text : {"", "x", "4x", " 4", "99999999999999999999"})
        EXPECT_EQ(node_number(text, 7), 7) << text;
    EXPECT_EQ(node_number(std::nullopt), -1);
}

// The daemon says the word, `zl` called as xl prints its number: they must be each other's inverse.
TEST(NodeValue, StatesHaveWordsThatLeadBackToThem)
{
    for (int state = 0; state <= 8; ++state)
        EXPECT_EQ(rpc::device_state_number(state_word(std::to_string(state))), state);
    for (const char* text : {"9", "-1", "4x", ""})
        EXPECT_EQ(state_word(text), "unknown") << text;
    EXPECT_EQ(state_word(std::nullopt), "unknown");
}

} // namespace
} // namespace zocalo::toolstack
