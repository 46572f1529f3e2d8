// SPDX-License-Identifier: Apache-2.0
// What both engines of raw images promise.
#include "backends/blk/aio_image.hpp"
#include "backends/blk/engine.hpp"
#include "tests/unit/backends/blk/image_world.hpp"

#include <algorithm>
#include <cstring>
#include <latch>
#include <sys/stat.h>

namespace zocalo::blk {
namespace {

using test::ImageWorld;

// Skips where the kernel has no io_uring: the backend works without it, too.
struct RawImageTest : ImageWorld, testing::WithParamInterface<Engine> {
    std::unique_ptr<Uring> ring =
        GetParam() == Engine::io_uring ? Uring::create(io) : std::unique_ptr<Uring>{};

    void SetUp() override
    {
        if (GetParam() == Engine::io_uring && !ring)
            GTEST_SKIP() << "no io_uring here";
    }
    using Made = Outcome<std::unique_ptr<RawImage>>;
    template <class Image> static Made widened(Outcome<std::unique_ptr<Image>> made)
    {
        if (!made)
            return made.error();
        return std::unique_ptr<RawImage>{std::move(*made)};
    }
    Made create(UniqueFd opened, const RawImage::Wanted& wanted = {})
    {
        if (ring)
            return widened(UringImage::create(io, worker, *ring, std::move(opened), wanted));
        return widened(AioImage::create(io, worker, std::move(opened), wanted));
    }
    std::unique_ptr<RawImage> image(off_t bytes) { return image(file(bytes)); }
    std::unique_ptr<RawImage> image(UniqueFd opened)
    {
        auto made = create(std::move(opened));
        EXPECT_TRUE(made) << made.error().what;
        listen(**made);
        return std::move(*made);
    }
};

TEST_P(RawImageTest, WhatEndedIsCollectedWithoutATurnOfTheLoop)
{
    auto disk = image(memory(1 << 20));
    disk->collect();
    disk->submit({1, Direction::write, 0, buffer(4096)});
    disk->kick();
    EXPECT_TRUE(done.empty()) << "not inside kick()";
    while (done.empty()) // io_uring may have given it to a thread of the kernel
        disk->collect();
    const std::size_t woken = io.poll();
    // Such a thread may have signalled only after its end was seen.
    EXPECT_LE(woken, ring ? 1u : 0u) << "the loop wakes for what was answered already";
    EXPECT_EQ(done.size(), 1u);
    disk->submit({2, Direction::read, 0, buffer(4096)});
    disk->kick();
    run_until(2);
    EXPECT_EQ(done[1].tag, 2u);
}

TEST_P(RawImageTest, WhoeverHearsOfAnEndMaySubmitAndCollect)
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

TEST_P(RawImageTest, WhatIsWrittenIsReadAgain)
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

TEST_P(RawImageTest, ADiscardGivesTheSpaceBackAndKeepsTheSize)
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

TEST_P(RawImageTest, AFileThatGrewIsSeenOnceMeasured)
{
    auto disk = image(1 << 20);
    ASSERT_EQ(::truncate(path.c_str(), 2 << 20), 0);
    EXPECT_EQ(disk->sectors(), 2048u);
    disk->measure();
    EXPECT_EQ(disk->sectors(), 4096u);
}

TEST_P(RawImageTest, AFileThatWasCutBelowUsGivesAnErrorNotZeroes)
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

TEST_P(RawImageTest, ATransferTheMediumRefusesFailsAloneInItsBatch)
{
    UniqueFd read_only = file(64 * 1024, O_RDONLY);
    RawImage::Wanted wanted;
    wanted.read_only = true;
    auto disk = create(std::move(read_only), wanted);
    ASSERT_TRUE(disk) << disk.error().what;
    listen(**disk);
    (*disk)->submit({1, Direction::write, 0, buffer(4096)});
    (*disk)->submit({2, Direction::read, 0, buffer(4096)});
    (*disk)->kick();
    run_until(2);
    for (const Completion& c : done)
        EXPECT_EQ(c.error, c.tag == 1 ? EBADF : 0);
}

TEST_P(RawImageTest, RoomShrinksAndGrowsWithTransfers)
{
    auto disk = image(1 << 20);
    const std::size_t room = disk->room();
    disk->submit({1, Direction::read, 0, buffer(4096)});
    EXPECT_EQ(disk->room(), room - 1);
    disk->kick();
    run_until(1);
    EXPECT_EQ(disk->room(), room);
}

TEST_P(RawImageTest, AnOddFileSizeIsRoundedDownToSectors)
{
    auto disk = image(4096 + 700);
    EXPECT_EQ(disk->sectors(), 9u);
    disk->submit({1, Direction::read, 4096, buffer(512)});
    disk->kick();
    run_until(1);
    EXPECT_EQ(done[0].error, 0);
}

TEST_P(RawImageTest, UselessImagesAreRefusedWithAReason)
{
    auto tiny = create(file(511));
    ASSERT_FALSE(tiny);
    EXPECT_NE(tiny.error().what.find("511 bytes"), std::string::npos);
    EXPECT_FALSE(tiny.error().next.empty());
    ::unlink(path.c_str());

    auto locked = create(file(4096, O_RDONLY));
    ASSERT_FALSE(locked);
    EXPECT_EQ(locked.error().code, Code::denied);

    auto folder = create(UniqueFd{::open("/", O_RDONLY | O_CLOEXEC)});
    ASSERT_FALSE(folder);
    EXPECT_NE(folder.error().what.find("neither"), std::string::npos);
}

TEST_P(RawImageTest, AllThatThereIsRoomForIsUnderWayAtOnce)
{
    auto disk = image(4 << 20);
    const std::size_t room = disk->room();
    for (std::uint32_t i = 0; i < room; ++i) {
        page->bytes[i % 8 * kPageSize] = std::byte{7};
        disk->submit({i, Direction::write, i * kPageSize, {page->bytes + i % 8 * kPageSize, 4096}});
    }
    EXPECT_EQ(disk->room(), 0u);
    disk->kick();
    run_until(room);
    std::vector<bool> ended(room);
    for (const Completion& c : done) {
        EXPECT_EQ(c.error, 0);
        EXPECT_FALSE(ended[c.tag]) << c.tag << " ended twice";
        ended[c.tag] = true;
    }
    EXPECT_EQ(disk->room(), room);
    page->bytes[0] = std::byte{0};
    disk->submit({0, Direction::read, (room - 1) * kPageSize, buffer(4096)});
    disk->kick();
    run_until(room + 1);
    EXPECT_EQ(page->bytes[0], std::byte{7});
}

// The daemon opens images so, lest a pipe keeps it waiting.
TEST_P(RawImageTest, AFileThatWasOpenedNotToBlockIsReadAndWritten)
{
    UniqueFd opened = memory(1 << 20);
    ASSERT_EQ(::fcntl(opened.get(), F_SETFL, O_RDWR | O_NONBLOCK), 0);
    const UniqueFd same{::dup(opened.get())};
    auto disk = image(std::move(opened));
    EXPECT_EQ(::fcntl(same.get(), F_GETFL) & O_NONBLOCK, 0);
    disk->submit({1, Direction::write, 0, buffer(4096)});
    disk->submit({2, Direction::read, 4096, buffer(4096)});
    disk->kick();
    run_until(2);
    for (const Completion& c : done)
        EXPECT_EQ(c.error, 0) << c.tag;
}

TEST_P(RawImageTest, AnImageMayGoBeforeItsDiscardHasEnded)
{
    auto disk = image(1 << 20);
    if (disk->discard_granularity() == 0)
        GTEST_SKIP() << "this file system cannot punch holes";
    Transfer discard{1, Direction::discard, 0, {}};
    discard.length = 1 << 20;
    disk->submit(discard);
    disk.reset();
    std::latch after{1};
    worker.run([&after] { after.count_down(); });
    after.wait();
    io.poll();
    EXPECT_TRUE(done.empty());
}

TEST_P(RawImageTest, DestroyingAnImageWaitsForWhatIsInFlight)
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

INSTANTIATE_TEST_SUITE_P(
    Engines,
    RawImageTest,
    testing::Values(Engine::libaio, Engine::io_uring),
    [](const auto& with) { return std::string{name(with.param)}; }
);

} // namespace
} // namespace zocalo::blk
