// SPDX-License-Identifier: Apache-2.0
// The registry and what is made of it: options, prefixes, sizes.
#include "cli/completion.hpp"
#include "cli/man.hpp"
#include "cli/registry.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace zocalo::cli {
namespace {

TEST(Registry, EveryCommandIsDescribedEverywhere)
{
    std::ostringstream manual;
    print_man_zl(manual);
    std::set<std::string_view> names;
    for (const Command* command : commands()) {
        EXPECT_TRUE(names.insert(command->name).second) << command->name;
        EXPECT_GT(command->summary.size(), 10U) << command->name;
        EXPECT_TRUE(command->summary.ends_with('.')) << command->name;
        EXPECT_NE(command->run, nullptr) << command->name;
        EXPECT_LE(command->least, command->most) << command->name;
        EXPECT_NE(manual.str().find("\n.SS " + std::string{command->name}), std::string::npos)
            << command->name;
        std::ostringstream offered;
        print_completions(offered, {std::string{command->name}, "-"}, nullptr);
        EXPECT_NE(offered.str().find("--help\n"), std::string::npos) << command->name;
    }
}

TEST(Registry, NoCommandUsesALetterOrANameTwice)
{
    for (const Command* command : commands())
        for (const Mode mode : {Mode::zl, Mode::xl}) {
            std::set<char> letters;
            std::set<std::string_view> names;
            for (const Option& option : all_options(*command)) {
                if (!in_mode(option, mode))
                    continue;
                EXPECT_TRUE(names.insert(option.name).second) << command->name << option.name;
                if (option.letter != 0) {
                    EXPECT_TRUE(letters.insert(option.letter).second)
                        << command->name << option.letter;
                }
                EXPECT_FALSE(option.help.empty()) << command->name << option.name;
            }
            EXPECT_TRUE(parse_arguments(all_options(*command), {"--help"}, mode)) << command->name;
        }
}

TEST(Registry, UniqueBeginningsOfNamesAreEnough)
{
    EXPECT_EQ((*find_command("list"))->name, "list");
    EXPECT_EQ((*find_command("cre"))->name, "create");
    EXPECT_EQ((*find_command("sched"))->name, "sched-credit2");
    const auto many = find_command("block");
    ASSERT_FALSE(many);
    EXPECT_NE(many.error().next.find("block-attach block-list block-detach"), std::string::npos);
    EXPECT_FALSE(find_command(""));
    EXPECT_NE(find_command("crate").error().next.find("create"), std::string::npos);
}

constexpr Option kOptions[] = {
    {'a', "all", "", ""},
    {'o', "output", "FORMAT", ""},
    {0, "output-file", "FILE", ""},
    {'c', "columns", "NAMES", "", Where::zl_only},
    {'c', "cpupool", "", "", Where::xl_only},
};

TEST(Arguments, ReadsLettersNamesValuesAndWords)
{
    const auto args =
        parse_arguments(kOptions, {"web", "-aa", "-o", "json", "-", "a,b", "--", "-x"}, Mode::zl);
    ASSERT_TRUE(args) << describe(args.error());
    EXPECT_EQ(args->positional, (std::vector<std::string>{"web", "-", "a,b", "-x"}));
    EXPECT_EQ(args->count("all"), 2U);
    EXPECT_EQ(args->value("output"), "json");
}

TEST(Arguments, ValuesAreTakenWholeAndTheLastOneCounts)
{
    const auto args = parse_arguments(kOptions, {"--columns=a,b", "--columns", "c,d"}, Mode::zl);
    ASSERT_TRUE(args);
    EXPECT_EQ(args->value("columns"), "c,d");
}

TEST(Arguments, UniqueBeginningsOfLongOptionsAreEnough)
{
    EXPECT_TRUE(parse_arguments(kOptions, {"--al"}, Mode::zl)->has("all"));
    EXPECT_EQ(parse_arguments(kOptions, {"--output-f=x"}, Mode::zl)->value("output-file"), "x");
    EXPECT_FALSE(parse_arguments(kOptions, {"--out", "x"}, Mode::zl));
    EXPECT_TRUE(parse_arguments(kOptions, {"--output", "x"}, Mode::zl));
}

TEST(Arguments, OptionsOfTheOtherModeAreUnknown)
{
    EXPECT_TRUE(parse_arguments(kOptions, {"-c"}, Mode::xl)->has("cpupool"));
    EXPECT_FALSE(parse_arguments(kOptions, {"-c"}, Mode::zl));
    EXPECT_FALSE(parse_arguments(kOptions, {"--cpupool"}, Mode::zl));
    EXPECT_FALSE(parse_arguments(kOptions, {"-q"}, Mode::zl));
}

TEST(Arguments, SizesAreReadAsXlReadsThem)
{
    EXPECT_EQ(*parse_mebibytes("512"), 512U);
    EXPECT_EQ(*parse_mebibytes("512m"), 512U);
    EXPECT_EQ(*parse_mebibytes("2G"), 2048U);
    EXPECT_EQ(*parse_mebibytes("1t"), 1U << 20);
    EXPECT_EQ(*parse_mebibytes("2048k"), 2U);
    EXPECT_EQ(*parse_mebibytes("1048576b"), 1U);
    for (const char* text : {"", "m", "-1", "1x", "1mb", "99999999999999999999", "999999999t"})
        EXPECT_FALSE(parse_mebibytes(text)) << text;
}

} // namespace
} // namespace zocalo::cli
