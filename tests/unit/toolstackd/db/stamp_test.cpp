// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/scratch.hpp"
#include "toolstackd/db/stamp.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

const Stamp kSeen{"01234567-89ab-cdef-0123-456789abcdef", 7, 1234};

TEST(Stamp, ReadsBackAndRefusesEverythingElse)
{
    EXPECT_EQ(parse_stamp(text(kSeen)), kSeen);
    EXPECT_EQ(parse_stamp(text(kSeen) + "\n"), kSeen);
    for (const char* bad : {"", "x", "01234567-89ab-cdef-0123-456789abcdef 7 1234"})
        EXPECT_FALSE(parse_stamp(bad)) << bad;
    std::string broken = text(kSeen);
    broken[40] = 'x';
    EXPECT_FALSE(parse_stamp(broken));
}

TEST(Stamp, ADatabaseThatWentOnIsTrusted)
{
    EXPECT_EQ(doubt(kSeen, kSeen), "");
    EXPECT_EQ(doubt({kSeen.id, 8, 1300}, kSeen), "");
}

TEST(Stamp, AnOlderOrAnotherDatabaseIsNot)
{
    EXPECT_NE(doubt({kSeen.id, 6, 2000}, kSeen), "");
    EXPECT_NE(doubt({kSeen.id, 7, 1233}, kSeen), "");
    EXPECT_NE(doubt({"another", 9, 9999}, kSeen), "");
}

TEST(StampFile, HoldsTheLastOneWritten)
{
    const test::Scratch scratch;
    const std::string path = (scratch.path() / "database.stamp").string();
    EXPECT_FALSE(read_stamp(path));
    const auto file = StampFile::open(path);
    ASSERT_TRUE(file);
    file->write({kSeen.id, 7, 99999});
    file->write(kSeen);
    EXPECT_EQ(read_stamp(path), kSeen);
}

} // namespace
} // namespace zocalo::toolstack
