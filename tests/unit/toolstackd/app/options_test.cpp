// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/options.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace zocalo::toolstack {
namespace {

Outcome<Options> parse(std::vector<std::string> words)
{
    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    return parse_options(arguments);
}

TEST(Options, WithoutArgumentsItServes)
{
    EXPECT_EQ(parse({})->action, Options::Action::serve);
}

TEST(Options, AConfigurationAndAnActionCanBeGiven)
{
    const auto options = parse({"--config=/x.toml", "--check-config"});
    EXPECT_EQ(options->config, "/x.toml");
    EXPECT_EQ(options->action, Options::Action::check_config);
}

TEST(Options, AnythingElseIsRefusedByName)
{
    for (const char* word : {"--config=", "-v", "serve", "--Version"})
        EXPECT_NE(parse({word}).error().what.find(word), std::string::npos) << word;
}

} // namespace
} // namespace zocalo::toolstack
