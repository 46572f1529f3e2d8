// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/document.hpp"

#include <gtest/gtest.h>

namespace zocalo::cli::cfg {
namespace {

std::string flat(const Value& value)
{
    if (!value.is_list)
        return value.text;
    std::string out;
    for (std::size_t i = 0; i < value.list.size(); ++i) {
        const Value& item = value.list[i];
        out += (i == 0 ? "" : "|") + (item.is_list ? "[" + flat(item) + "]" : item.text);
    }
    return out;
}

TEST(Document, ReadsEachFormOfTheGrammar)
{
    struct Case {
        const char* text;
        const char* key;
        const char* value; // items of lists are joined by '|', inner lists in brackets
    };
    const Case cases[] = {
        {"a=1", "a", "1"},
        {"a = 'x'\n", "a", "x"},
        {"a = \"x y\" # comment\n", "a", "x y"},
        {"a=1;b=2;", "b", "2"},
        {";;\n\n a=0x1f\n", "a", "0x1f"},
        {"a.b_9=017", "a.b_9", "017"},
        {"a=[]", "a", ""},
        {"a=[1]", "a", "1"},
        {"a=[1,2,]", "a", "1|2"},
        {"a=[\n'x'\n,\n'y'\n,\n]\n", "a", "x|y"},
        {"a=[# first\n'x', # why\n]", "a", "x"},
        {"a=[['x','y'],['z'],[]]", "a", "[x|y]|[z]|[]"},
        {"a=1\na=2", "a", "2"},
        {"a='x'\na+='y'", "a", "xy"},
        {"a=['x']\na+=['y','z']", "a", "x|y|z"},
        {"a+=['x']", "a", "x"},
        {"a='\\'\\\"\\\\\\n'", "a", "'\"\\\n"},
        {"a='\\x41\\102'", "a", "AB"},
        {"a=1\r\nb=2\r\n", "b", "2"},
        {"a='#no comment'", "a", "#no comment"},
        {"# a comment\na=1#x", "a", "1"}};
    for (const Case& c : cases) {
        const auto document = parse(c.text, "f");
        ASSERT_TRUE(document) << c.text << ": " << describe(document.error());
        const Setting* setting = document->find(c.key);
        ASSERT_NE(setting, nullptr) << c.text;
        EXPECT_EQ(flat(setting->value), c.value) << c.text;
    }
}

TEST(Document, ErrorsNameFileLineAndColumn)
{
    struct Case {
        const char* text;
        const char* place;
        const char* hint; // part of the whole message
    };
    const Case cases[] = {
        {"a 1", "f:1:3:", "expected '='"},
        {"a=", "f:1:3:", "end of the file"},
        {"a=1 b=2", "f:1:5:", "expected the end of the line"},
        {"\n  a=[1 2]", "f:2:8:", "expected ',' or ']'"},
        {"a=[,]", "f:1:4:", "expected a string"},
        {"a=[1,,2]", "f:1:6:", "expected a string"},
        {"a=[1", "f:1:5:", "end of the file"},
        {"a='x", "f:1:3:", "not closed"},
        {"a='x\n'", "f:1:3:", "not closed"},
        {"a='\\q'", "f:1:5:", "unknown escape"},
        {"a='\\x4'", "f:1:6:", "character code"},
        {"a='\\0'", "f:1:5:", "character code"},
        {"A=1", "f:1:1:", "lower case"},
        {"=1", "f:1:1:", "expected a key"},
        {"a=word", "f:1:3:", "in quotes"},
        {"a=(1)", "f:1:3:", "Python"},
        {"a=-1", "f:1:3:", "Python"},
        {"def f", "f:1:5:", "Python"},
        {"import os", "f:1:8:", "Python"},
        {"a='x'\na+=['y']", "f:2:1:", "cannot join"},
        {"a=['x']\na+='y'", "f:2:1:", "cannot join"},
        {"a=\x01", "f:1:3:", "byte 0x01"}};
    for (const Case& c : cases) {
        const auto document = parse(c.text, "f");
        ASSERT_FALSE(document) << c.text;
        EXPECT_EQ(document.error().code, Code::usage);
        const std::string message = describe(document.error());
        EXPECT_TRUE(message.starts_with(c.place)) << c.text << " gave " << message;
        EXPECT_NE(message.find(c.hint), std::string::npos) << c.text << " gave " << message;
    }
}

TEST(Document, HostileSizesAreErrors)
{
    EXPECT_FALSE(parse("a=" + std::string(100000, '['), "f"));
    EXPECT_FALSE(parse(std::string(kMaxFile + 1, '\n'), "f"));
    std::string many = "a=[";
    for (std::size_t i = 0; i <= kMaxValues; ++i)
        many += "1,";
    EXPECT_FALSE(parse(many + "]", "f"));
    std::string doubling = "a=['x','y']\n";
    for (int i = 0; i < 5000; ++i)
        doubling += "a+=['z']\n";
    EXPECT_FALSE(parse(doubling, "f"));
}

TEST(Document, AnotherTextGoesOnWhereTheFirstStopped)
{
    const auto first = parse("a=['x']", "f");
    ASSERT_TRUE(first);
    const auto second = parse("a+=['y']", "command line", *first);
    ASSERT_TRUE(second);
    EXPECT_EQ(flat(second->find("a")->value), "x|y");
    EXPECT_EQ(second->find("a")->source, "command line");
}

} // namespace
} // namespace zocalo::cli::cfg
