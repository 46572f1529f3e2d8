// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/history.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

TEST(History, KeepsTheLastBytes)
{
    History history{10};
    for (const char* text : {"0123456789", "abcdefghij", "ABCDE"})
        history.append(text);
    EXPECT_EQ(history.tail(100), "fghijABCDE");
    EXPECT_EQ(history.tail(3), "CDE");
    EXPECT_EQ(history.begin(), 15u);
    EXPECT_EQ(history.end(), 25u);
}

TEST(History, OneLargePieceIsCutToItsEnd)
{
    History history{4};
    history.append("0123456789abcdef");
    EXPECT_EQ(history.tail(100), "cdef");
    EXPECT_EQ(history.end(), 16u);
}

TEST(History, AReaderThatFellBehindLearnsHowMuchItLost)
{
    History history{4};
    history.append("0123456789");
    const auto slice = history.read(2, 2);
    EXPECT_EQ(slice.lost, 4u);
    EXPECT_EQ(slice.data, "67");
    EXPECT_EQ(history.read(8, 100).lost, 0u);
    EXPECT_EQ(history.read(8, 100).data, "89");
    EXPECT_EQ(history.read(10, 100).data, "");
}

} // namespace
} // namespace zocalo::toolstack
