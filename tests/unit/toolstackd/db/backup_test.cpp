// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/scratch.hpp"
#include "toolstackd/db/backup.hpp"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>

namespace zocalo::toolstack {
namespace {

const Migration kFirst{1, "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (42);"};
const Migration kSecond{2, "DROP TABLE a;"};

TEST(Backup, IsTheDatabaseAsItWasBeforeTheMigration)
{
    const test::Scratch scratch;
    const std::string path = (scratch.path() / "domains.db").string();
    auto connection = Connection::open(path).value();
    ASSERT_TRUE(back_up_before_migration(connection, path, std::array{kFirst}));
    EXPECT_FALSE(std::filesystem::exists(path + ".schema-0")) << "a new database needs no copy";
    ASSERT_TRUE(migrate(connection, std::array{kFirst}));
    for (int again = 0; again < 2; ++again)
        ASSERT_TRUE(back_up_before_migration(connection, path, std::array{kFirst, kSecond}));
    ASSERT_TRUE(migrate(connection, std::array{kFirst, kSecond}));

    auto copy = Connection::open(path + ".schema-1").value();
    Statement query(copy, "SELECT x FROM a");
    ASSERT_TRUE(query.next().value_or(false));
    EXPECT_EQ(query.number(0), 42);
    Statement version(copy, "PRAGMA user_version");
    ASSERT_TRUE(version.next().value_or(false));
    EXPECT_EQ(version.number(0), 1);
}

TEST(Backup, NoneIsMadeWhenNothingChanges)
{
    const test::Scratch scratch;
    const std::string path = (scratch.path() / "domains.db").string();
    auto connection = Connection::open(path).value();
    ASSERT_TRUE(migrate(connection, std::array{kFirst}));
    ASSERT_TRUE(back_up_before_migration(connection, path, std::array{kFirst}));
    EXPECT_FALSE(std::filesystem::exists(path + ".schema-1"));
}

TEST(Backup, WithoutItTheMigrationIsNotBegun)
{
    const test::Scratch scratch;
    const std::string path = (scratch.path() / "domains.db").string();
    auto connection = Connection::open(path).value();
    ASSERT_TRUE(migrate(connection, std::array{kFirst}));
    std::filesystem::create_directories(path + ".schema-1.part/in-the-way");
    const auto copied = back_up_before_migration(connection, path, std::array{kFirst, kSecond});
    ASSERT_FALSE(copied);
    EXPECT_NE(copied.error().what.find("before its schema changes"), std::string::npos);
}

} // namespace
} // namespace zocalo::toolstack
