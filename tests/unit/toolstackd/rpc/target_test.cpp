// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/target.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

TEST(Target, PathAndQueryAreDecoded)
{
    const auto target = parse_target("/v1/domains/my%20vm/start?wait=5&name=a%26b&bare");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, (std::vector<std::string>{"v1", "domains", "my vm", "start"}));
    EXPECT_EQ(*target->find("name"), "a&b");
    EXPECT_EQ(*target->find("bare"), "");
    EXPECT_EQ(target->find("missing"), nullptr);
}

TEST(Target, AnEscapedSlashStaysInItsSegment)
{
    EXPECT_EQ(parse_target("/a%2fb/c")->path, (std::vector<std::string>{"a/b", "c"}));
}

TEST(Target, MalformedOnesAreRefused)
{
    for (const char* text :
         {"",
          "v1",
          "http://localhost/v1",
          "//",
          "/v1//x",
          "/v1/",
          "/v1/../etc",
          "/v1/%2e%2e",
          "/%",
          "/%4",
          "/%zz",
          "/a%00b",
          "/a%0ab",
          "/a?=x",
          "/a/b/c/d/e/f/g/h/i"})
        EXPECT_FALSE(parse_target(text)) << text;
    EXPECT_FALSE(parse_target("/" + std::string(5000, 'a')));
    std::string many = "/a?";
    for (int i = 0; i < 20; ++i)
        many += "k=v&";
    EXPECT_FALSE(parse_target(many));
}

TEST(Target, NumbersAreCheckedAgainstTheirBound)
{
    const auto target =
        parse_target("/a?n=600&big=601&neg=-1&hex=0x1&empty=&huge=99999999999999999999");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->number("n", 600).value(), 600u);
    EXPECT_EQ(target->number("missing", 600).value(), std::nullopt);
    for (const char* key : {"big", "neg", "hex", "empty", "huge"})
        EXPECT_FALSE(target->number(key, 600)) << key;
}

TEST(Target, FlagsAreWordsOrBare)
{
    const auto target = parse_target("/a?on&one=1&t=true&zero=0&odd=yes");
    ASSERT_TRUE(target);
    EXPECT_TRUE(target->flag("on").value());
    EXPECT_TRUE(target->flag("one").value());
    EXPECT_TRUE(target->flag("t").value());
    EXPECT_FALSE(target->flag("zero").value());
    EXPECT_FALSE(target->flag("missing").value());
    EXPECT_FALSE(target->flag("odd"));
}

} // namespace
} // namespace zocalo::toolstack
