// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/aio_image.hpp"
#include "common/base/address.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <vector>

namespace zocalo::blk {
namespace {

struct AioImageTest : testing::Test {
    backend::Worker worker;
    boost::asio::io_context io;
    std::string path;
    std::vector<Completion> done;
    struct alignas(kPageSize) Page {
        std::byte bytes[8 * kPageSize];
    };
    std::unique_ptr<Page> page = std::make_unique<Page>();

    ~AioImageTest() override
    {
        if (!path.empty())
            ::unlink(path.c_str());
    }
    UniqueFd file(off_t bytes, int access = O_RDWR)
    {
        const char* folder = std::getenv("TMPDIR");
        path = std::string{folder != nullptr ? folder : "/var/tmp"} + "/aio_image_test.XXXXXX";
        UniqueFd made{::mkstemp(path.data())};
        EXPECT_TRUE(made);
        EXPECT_EQ(::ftruncate(made.get(), bytes), 0);
        return UniqueFd{::open(path.c_str(), access | O_CLOEXEC)};
    }
    // In memory: the kernel is done when it has taken a transfer.
    UniqueFd memory(off_t bytes)
    {
        UniqueFd made{::memfd_create("aio_image_test", MFD_CLOEXEC)};
        EXPECT_TRUE(made);
        EXPECT_EQ(::ftruncate(made.get(), bytes), 0);
        return made;
    }
    std::unique_ptr<AioImage> image(off_t bytes) { return image(file(bytes)); }
    std::unique_ptr<AioImage> image(UniqueFd opened)
    {
        auto made = AioImage::create(io, worker, std::move(opened), {});
        EXPECT_TRUE(made) << made.error().what;
        (*made)->on_completed([this](std::span<const Completion> all) {
            done.insert(done.end(), all.begin(), all.end());
        });
        return std::move(*made);
    }
    std::span<std::byte> buffer(std::size_t bytes) { return {page->bytes, bytes}; }
    void run_until(std::size_t count)
    {
        while (done.size() < count)
            io.run_one();
    }
};

TEST_F(AioImageTest, WhatEndedAtOnceIsCollectedWithoutATurnOfTheLoop)
{
    auto disk = image(memory(1 << 20));
    disk->collect();
    disk->submit({1, Direction::write, 0, buffer(4096)});
    disk->kick();
    EXPECT_TRUE(done.empty()) << "not inside kick()";
    disk->collect();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(io.poll(), 0u) << "the loop wakes for what was answered already";
    disk->submit({2, Direction::read, 0, buffer(4096)});
    disk->kick();
    run_until(2);
    EXPECT_EQ(done[1].tag, 2u);
}

TEST_F(AioImageTest, WhoeverHearsOfAnEndMaySubmitAndCollect)
{
    auto disk = image(memory(1 << 20));
    unsigned depth = 0, deepest = 0;
    disk->on_completed([&](std::span<const Completion> all) {
        deepest = std::max(deepest, ++depth);
        for (const Completion& one : all) {
            done.push_back(one);
            if (one.tag < 3) {
                disk->submit({one.tag + 1, Direction::read, 0, buffer(4096)});
                disk->kick();
                disk->collect();
            }
        }
        --depth;
    });
    disk->submit({1, Direction::write, 0, buffer(4096)});
    disk->kick();
    disk->collect();
    run_until(3);
    EXPECT_EQ(deepest, 1u);
}

TEST_F(AioImageTest, WhatIsWrittenIsReadAgain)
{
    auto disk = image(1 << 20);
    EXPECT_EQ(disk->sectors(), 2048u);
    std::memset(page->bytes, 0x3c, 8192);
    disk->submit({1, Direction::write, 4096 + 512, buffer(8192)});
    disk->kick();
    run_until(1);
    disk->submit({2, Direction::flush, 0, {}});
    disk->kick();
    run_until(2);
    std::memset(page->bytes, 0, 8192);
    disk->submit({3, Direction::read, 4096, buffer(1024)});
    disk->kick();
    run_until(3);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(done[i].tag, i + 1);
        EXPECT_EQ(done[i].error, 0);
    }
    EXPECT_EQ(page->bytes[511], std::byte{0});
    EXPECT_EQ(page->bytes[512], std::byte{0x3c});
}

TEST_F(AioImageTest, ADiscardGivesTheSpaceBackAndKeepsTheSize)
{
    auto disk = image(1 << 20);
    if (disk->discard_granularity() == 0)
        GTEST_SKIP() << "this file system cannot punch holes";
    std::memset(page->bytes, 0x3c, sizeof page->bytes);
    disk->submit({1, Direction::write, 0, buffer(8 * kPageSize)});
    disk->kick();
    run_until(1);
    struct stat before {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    Transfer discard{2, Direction::discard, 2 * kPageSize, {}};
    discard.length = 4 * kPageSize;
    disk->submit(discard);
    disk->kick();
    run_until(2);
    EXPECT_EQ(done[1].error, 0);
    disk->submit({3, Direction::read, 0, buffer(8 * kPageSize)});
    disk->kick();
    run_until(3);
    EXPECT_EQ(page->bytes[2 * kPageSize - 1], std::byte{0x3c});
    EXPECT_EQ(page->bytes[2 * kPageSize], std::byte{0});
    EXPECT_EQ(page->bytes[6 * kPageSize - 1], std::byte{0});
    EXPECT_EQ(page->bytes[6 * kPageSize], std::byte{0x3c});
    struct stat after {};
    ASSERT_EQ(::stat(path.c_str(), &after), 0);
    EXPECT_EQ(after.st_size, before.st_size);
    EXPECT_LT(after.st_blocks, before.st_blocks);
}

TEST_F(AioImageTest, AFileThatGrewIsSeenOnceMeasured)
{
    auto disk = image(1 << 20);
    ASSERT_EQ(::truncate(path.c_str(), 2 << 20), 0);
    EXPECT_EQ(disk->sectors(), 2048u);
    disk->measure();
    EXPECT_EQ(disk->sectors(), 4096u);
}

TEST_F(AioImageTest, AFileThatWasCutBelowUsGivesAnErrorNotZeroes)
{
    auto disk = image(64 * 1024);
    ASSERT_EQ(::truncate(path.c_str(), 4096), 0);
    disk->submit({1, Direction::read, 32768, buffer(4096)});
    disk->submit({2, Direction::read, 0, buffer(8192)}); // half of it is there
    disk->kick();
    run_until(2);
    for (const Completion& c : done)
        EXPECT_EQ(c.error, EIO) << c.tag;
}

TEST_F(AioImageTest, ATransferTheMediumRefusesFailsAloneInItsBatch)
{
    UniqueFd read_only = file(64 * 1024, O_RDONLY);
    AioImage::Wanted wanted;
    wanted.read_only = true;
    auto disk = AioImage::create(io, worker, std::move(read_only), wanted);
    ASSERT_TRUE(disk) << disk.error().what;
    (*disk)->on_completed([this](std::span<const Completion> all) {
        done.insert(done.end(), all.begin(), all.end());
    });
    (*disk)->submit({1, Direction::write, 0, buffer(4096)});
    (*disk)->submit({2, Direction::read, 0, buffer(4096)});
    (*disk)->kick();
    run_until(2);
    for (const Completion& c : done)
        EXPECT_EQ(c.error, c.tag == 1 ? EBADF : 0);
}

TEST_F(AioImageTest, RoomShrinksAndGrowsWithTransfers)
{
    auto disk = image(1 << 20);
    const std::size_t room = disk->room();
    disk->submit({1, Direction::read, 0, buffer(4096)});
    EXPECT_EQ(disk->room(), room - 1);
    disk->kick();
    run_until(1);
    EXPECT_EQ(disk->room(), room);
}

TEST_F(AioImageTest, AnOddFileSizeIsRoundedDownToSectors)
{
    auto disk = image(4096 + 700);
    EXPECT_EQ(disk->sectors(), 9u);
    disk->submit({1, Direction::read, 4096, buffer(512)});
    disk->kick();
    run_until(1);
    EXPECT_EQ(done[0].error, 0);
}

TEST_F(AioImageTest, UselessImagesAreRefusedWithAReason)
{
    auto tiny = AioImage::create(io, worker, file(511), {});
    ASSERT_FALSE(tiny);
    EXPECT_NE(tiny.error().what.find("511 bytes"), std::string::npos);
    EXPECT_FALSE(tiny.error().next.empty());
    ::unlink(path.c_str());

    auto locked = AioImage::create(io, worker, file(4096, O_RDONLY), {});
    ASSERT_FALSE(locked);
    EXPECT_EQ(locked.error().code, Code::denied);

    auto folder = AioImage::create(io, worker, UniqueFd{::open("/", O_RDONLY | O_CLOEXEC)}, {});
    ASSERT_FALSE(folder);
    EXPECT_NE(folder.error().what.find("neither"), std::string::npos);
}

TEST_F(AioImageTest, DestroyingAnImageWaitsForWhatIsInFlight)
{
    auto disk = image(1 << 20);
    for (std::uint32_t i = 0; i < 8; ++i)
        disk->submit({i, Direction::write, i * 4096, buffer(4096)});
    disk->kick();
    disk.reset();
    page.reset(); // the sanitizer would see a transfer that is still on
    io.poll();
    EXPECT_TRUE(done.empty());
}

} // namespace
} // namespace zocalo::blk
