// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace zocalo::toolstack {
namespace {

std::string error_of(std::string_view text)
{
    const auto config = parse_config(text, "f.toml");
    return config ? "accepted" : config.error().what;
}

TEST(Config, NothingGivenIsTheDefaults)
{
    EXPECT_EQ(parse_config("", "f.toml").value(), Config{});
}

TEST(Config, ItsKeysAreRead)
{
    const auto config = parse_config(
        "[daemon]\nlog_level = \"debug\"\n[api]\nconnections = 7\n[backends]\nscopes = false\n"
        "disk_engine = \"io_uring\"\npoll_us = 0\n",
        "f.toml"
    );
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(config->level(), LogLevel::debug);
    EXPECT_EQ(config->connections, 7u);
    EXPECT_FALSE(config->backend_scopes);
    EXPECT_EQ(config->disk_engine, "io_uring");
    EXPECT_EQ(config->backend_poll_us, 0u);
}

TEST(Config, MistakesNameTheirLine)
{
    EXPECT_EQ(error_of("[api]\n\nsokket = \"/x\""), "f.toml:3: unknown key 'sokket' in [api]");
    EXPECT_EQ(error_of("[apo]\nsocket = \"/x\""), "f.toml:2: unknown key 'socket' in [apo]");
    EXPECT_EQ(error_of("socket = \"/x\""), "f.toml:1: 'socket' is outside of a section");
    EXPECT_EQ(error_of("[api]\nsocket = 5"), "f.toml:2: socket is a string");
    EXPECT_EQ(
        error_of("[api]\nconnections = 0"), "f.toml:2: connections is a number from 1 to 10000"
    );
    EXPECT_EQ(
        error_of("[backends]\npoll_us = 10001"), "f.toml:2: poll_us is a number from 0 to 10000"
    );
    EXPECT_EQ(error_of("[backends]\nscopes = 1"), "f.toml:2: scopes is true or false");
    EXPECT_EQ(
        error_of("[api]\nsocket = \"relative\""), "f.toml: 'relative' is not an absolute path"
    );
    EXPECT_NE(error_of("[daemon]\nlog_level = \"loud\"").find("debug"), std::string::npos);
    EXPECT_EQ(
        error_of("[backends]\ndisk_engine = \"aio\""),
        "f.toml: disk_engine is libaio or io_uring, not 'aio'"
    );
    EXPECT_EQ(error_of("[api\n").substr(0, 9), "f.toml:1:");
}

TEST(Config, AMissingFileCountsOnlyWhenItWasAskedFor)
{
    EXPECT_FALSE(load_config("/nonexistent/file.toml"));
}

TEST(Config, TheSampleInTheTreeSaysTheDefaults)
{
    std::ifstream file(ZOCALO_SOURCE_DIR "/etc/toolstackd.toml");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    ASSERT_FALSE(text.empty());
    // Every key is there as a comment: take the comments off its lines.
    std::string bare;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        bare += (line.starts_with("#") && !line.starts_with("# ") ? line.substr(1) : line) + "\n";
        at = end + 1;
    }
    const auto config = parse_config(bare, "etc/toolstackd.toml");
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(*config, Config{});
    EXPECT_NE(bare.find("\nrate_kib = "), std::string::npos);
}

} // namespace
} // namespace zocalo::toolstack
