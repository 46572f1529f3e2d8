// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/xenstore/watch_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

using ::testing::ElementsAre;

TEST(WatchTable, QueuesAPathOnceUntilItsCallWasMade)
{
    WatchTable table;
    std::vector<std::string> calls;
    const auto token = table.add("/w", [&](const std::string& path) { calls.push_back(path); });
    EXPECT_EQ(table.note(token, "/w/a"), "/w/a");
    EXPECT_EQ(table.note(token, "/w/a"), std::nullopt);
    EXPECT_EQ(table.note(token, "/w/b"), "/w/b");
    table.run(token, "/w/a");
    table.run(token, "/w/a");
    EXPECT_EQ(table.note(token, "/w/a"), "/w/a");
    EXPECT_THAT(calls, ElementsAre("/w/a"));
}

TEST(WatchTable, CollapsesAFloodOfPathsIntoTheWatchItself)
{
    WatchTable table;
    const auto token = table.add("/w", [](const std::string&) {});
    std::size_t queued = 0;
    for (int i = 0; i < 100000; ++i)
        queued += table.note(token, "/w/" + std::to_string(i)) ? 1 : 0;
    EXPECT_EQ(queued, WatchTable::kMostQueued + 1);
}

TEST(WatchTable, MakesNoCallAfterRemoval)
{
    WatchTable table;
    int calls = 0;
    const auto token = table.add("/w", [&](const std::string&) { ++calls; });
    ASSERT_TRUE(table.note(token, "/w"));
    EXPECT_EQ(table.remove(token), "/w");
    table.run(token, "/w");
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(table.remove(token), std::nullopt);
    EXPECT_EQ(table.note(token, "/w"), std::nullopt);
}

TEST(WatchTable, LetsACallEndItsOwnWatch)
{
    WatchTable table;
    WatchTable::Token token{};
    int calls = 0;
    token = table.add("/w", [&](const std::string&) {
        table.remove(token);
        ++calls;
    });
    ASSERT_TRUE(table.note(token, "/w"));
    table.run(token, "/w");
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(table.all().empty());
}

} // namespace
} // namespace zocalo::toolstack
