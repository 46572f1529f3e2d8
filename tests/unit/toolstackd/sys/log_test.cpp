// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/log.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace zocalo::toolstack {
namespace {

struct Captured {
    Captured()
    {
        set_log_sink([this](LogLevel, std::string_view text) { lines.emplace_back(text); });
    }
    ~Captured() { set_log_sink({}); }
    std::vector<std::string> lines;
};

TEST(Log, ANewlineInAMessageCannotForgeASecondLine)
{
    Captured captured;
    log_info("guest said: hello\n<0>kernel panic");
    ASSERT_EQ(captured.lines.size(), 1u);
    EXPECT_EQ(captured.lines[0], "guest said: hello <0>kernel panic");
}

TEST(Log, LinesBelowTheLevelAreDropped)
{
    Captured captured;
    log_debug("detail");
    EXPECT_TRUE(captured.lines.empty());
    set_log_level(LogLevel::debug);
    log_debug("detail");
    set_log_level(LogLevel::info);
    EXPECT_EQ(captured.lines.size(), 1u);
}

TEST(Log, ALongLineIsCut)
{
    Captured captured;
    log_error(std::string(100'000, 'x'));
    EXPECT_EQ(captured.lines.at(0).size(), 2000u);
}

} // namespace
} // namespace zocalo::toolstack
