// SPDX-License-Identifier: Apache-2.0
// A drive whose medium changes under those who use it.
#include "backends/blk/drive.hpp"
#include "tests/unit/backends/blk/memory_image.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace zocalo::blk {
namespace {

using test::MemoryImage;

struct DriveTest : testing::Test {
    boost::asio::io_context io;
    std::vector<Completion> done;
    bool changed = false;

    void listen(Drive& drive)
    {
        drive.on_completed([this](std::span<const Completion> completions) {
            done.insert(done.end(), completions.begin(), completions.end());
        });
    }
    void turn()
    {
        io.restart();
        io.poll();
    }
    static Transfer flush(std::uint32_t tag)
    {
        Transfer transfer;
        transfer.tag = tag;
        transfer.direction = Direction::flush;
        return transfer;
    }
};

TEST_F(DriveTest, WithoutAMediumItHasNothingAndRefusesLater)
{
    Drive drive{io, nullptr};
    listen(drive);
    EXPECT_EQ(drive.sectors(), 0u);
    EXPECT_FALSE(drive.writable());
    ASSERT_GT(drive.room(), 0u);
    drive.submit(flush(5));
    drive.kick();
    EXPECT_TRUE(done.empty()); // never from within submit() or kick()
    turn();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].tag, 5u);
    EXPECT_EQ(done[0].error, ENOMEDIUM);
}

TEST_F(DriveTest, AnotherMediumComesInOnceWhatIsUnderWayHasEnded)
{
    auto first = std::make_unique<MemoryImage>(8);
    MemoryImage& old = *first;
    Drive drive{io, std::move(first)};
    listen(drive);
    drive.submit(flush(1));
    drive.change(std::make_unique<MemoryImage>(16), [this] { changed = true; });
    EXPECT_EQ(drive.room(), 0u);
    turn();
    EXPECT_FALSE(changed);
    EXPECT_EQ(drive.sectors(), 8u);
    old.finish_all();
    EXPECT_EQ(done.size(), 1u);
    turn();
    EXPECT_TRUE(changed);
    EXPECT_EQ(drive.sectors(), 16u);
    EXPECT_GT(drive.room(), 0u);
    changed = false;
    drive.change(nullptr, [this] { changed = true; });
    turn();
    EXPECT_TRUE(changed);
    EXPECT_TRUE(drive.empty());
}

TEST_F(DriveTest, ADriveThatGoesForgetsWhatWasDue)
{
    {
        Drive drive{io, nullptr};
        listen(drive);
        drive.submit(flush(1));
        drive.kick();
        drive.change(std::make_unique<MemoryImage>(8), [this] { changed = true; });
    }
    turn();
    EXPECT_TRUE(done.empty());
    EXPECT_FALSE(changed);
}

} // namespace
} // namespace zocalo::blk
