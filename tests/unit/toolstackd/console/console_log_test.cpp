// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/console_log.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;

class Log : public testing::Test {
  protected:
    Log()
    {
        char name[] = "/tmp/zocalo-log-XXXXXX";
        folder = mkdtemp(name);
    }
    ~Log() override { fs::remove_all(folder); }
    ConsoleLog open(const std::string& name)
    {
        return std::move(ConsoleLog::open(folder, name, uuid, {.file_bytes = 100, .files = 3}))
            .value();
    }
    std::uintmax_t bytes_on_disk() const
    {
        std::uintmax_t total = 0;
        for (const auto& entry : fs::directory_iterator(folder))
            total += entry.file_size();
        return total;
    }
    std::string folder;
    rpc::Uuid uuid = rpc::parse_uuid("01234567-89ab-cdef-0123-456789abcdef").value();
};

TEST_F(Log, IsNamedAfterTheDomainAndItsUuid)
{
    EXPECT_EQ(open("web").path(), folder + "/web-01234567-89ab-cdef-0123-456789abcdef.log");
}

TEST_F(Log, ADomainsNameCannotLeaveTheFolder)
{
    for (const char* name : {"../../etc/passwd", "a/b", ".hidden", "x\ny"}) {
        const std::string path = open(name).path();
        EXPECT_EQ(fs::path(path).parent_path(), folder) << name;
        EXPECT_EQ(fs::path(path).filename().string().front() == '.', false) << name;
    }
}

TEST_F(Log, RotatesAndNeverTakesMoreThanItsShareOfTheDisk)
{
    ConsoleLog log = open("web");
    for (int i = 0; i < 50; ++i)
        ASSERT_TRUE(log.append(std::string(40, static_cast<char>('a' + i % 26))));
    EXPECT_LE(bytes_on_disk(), 300u);
    EXPECT_TRUE(fs::exists(log.path() + ".1"));
    EXPECT_TRUE(fs::exists(log.path() + ".2"));
    EXPECT_FALSE(fs::exists(log.path() + ".3"));
}

TEST_F(Log, TheTailReachesBackIntoTheRotatedFile)
{
    ConsoleLog log = open("web");
    ASSERT_TRUE(log.append(std::string(90, 'a')));
    ASSERT_TRUE(log.append(std::string(20, 'b')));
    EXPECT_EQ(log.tail(30).value(), std::string(10, 'a') + std::string(20, 'b'));
    EXPECT_EQ(log.tail(5).value(), "bbbbb");
}

TEST_F(Log, GoesOnWhereAnEarlierDaemonStopped)
{
    ASSERT_TRUE(open("web").append("first "));
    ConsoleLog again = open("web");
    ASSERT_TRUE(again.append("second"));
    EXPECT_EQ(again.tail(100).value(), "first second");
}

TEST_F(Log, FollowsARename)
{
    ASSERT_TRUE(open("old").append("text"));
    ConsoleLog renamed = open("new");
    EXPECT_EQ(renamed.tail(100).value(), "text");
    EXPECT_EQ(open("").path(), renamed.path());
    EXPECT_TRUE(ConsoleLog::exists(folder, uuid));
    EXPECT_FALSE(ConsoleLog::exists(folder, rpc::Uuid{}));
}

} // namespace
} // namespace zocalo::toolstack
