// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/image.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

using namespace std::chrono_literals;

struct ImageTest : ::testing::Test {
    ImageTest()
    {
        disk.target = "/var/tmp/image_test.XXXXXX";
        const UniqueFd made{::mkstemp(disk.target.data())};
        EXPECT_TRUE(made);
        disk.vdev = "xvda";
        disk.format = "raw";
    }
    ~ImageTest() override { ::unlink(disk.target.c_str()); }

    rpc::DiskConfig disk;
};

TEST_F(ImageTest, AWriterHasItAloneAndReadersShareIt)
{
    auto writer = open_image(disk);
    ASSERT_TRUE(writer) << writer.error().what;
    disk.readonly = true;
    auto refused = open_image(disk);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::conflict);
    EXPECT_NE(refused.error().what.find(disk.target), std::string::npos);
    writer->reset();
    const auto reader = open_image(disk), other = open_image(disk);
    EXPECT_TRUE(reader && other);
}

// A killed process's transfers through io_uring keep the file, and with it the lock, for a while.
TEST_F(ImageTest, WhoeverMayWaitsUntilTheLockIsFree)
{
    auto writer = open_image(disk);
    ASSERT_TRUE(writer);
    EXPECT_FALSE(open_image(disk, 20ms));
    std::thread killed{[&writer] {
        std::this_thread::sleep_for(50ms);
        writer->reset();
    }};
    const auto next = open_image(disk, 60s);
    EXPECT_TRUE(next);
    killed.join();
}

} // namespace
} // namespace zocalo::toolstack
