// SPDX-License-Identifier: Apache-2.0
// The ring that images share: what it refuses, whose ends are whose, and a kernel without one.
#include "tests/unit/backends/blk/image_world.hpp"
#include "tests/unit/backends/blk/uring_peek.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>

namespace zocalo::blk {

namespace {

// Skips where the kernel has no io_uring: the backend works without it, too.
struct UringTest : test::ImageWorld {
    std::unique_ptr<Uring> ring = Uring::create(io);

    void SetUp() override
    {
        if (!ring)
            GTEST_SKIP() << "no io_uring here";
    }
    std::unique_ptr<UringImage> image(off_t bytes)
    {
        auto made = UringImage::create(io, worker, *ring, file(bytes), {});
        EXPECT_TRUE(made) << made.error().what;
        return std::move(*made);
    }
    // The answer to one request of the test's own.
    int ask(void (*prepare)(io_uring_sqe&), unsigned flags = 0)
    {
        io_uring& raw = UringPeek::ring(*ring);
        io_uring_sqe* entry = io_uring_get_sqe(&raw);
        prepare(*entry);
        entry->flags = static_cast<std::uint8_t>(flags);
        EXPECT_GE(io_uring_submit_and_wait(&raw, 1), 0);
        io_uring_cqe* end = nullptr;
        EXPECT_EQ(io_uring_peek_cqe(&raw, &end), 0);
        const int result = end->res;
        io_uring_cqe_seen(&raw, end);
        return result;
    }
};

// Or whoever takes the process over could open files past its list of system calls.
TEST_F(UringTest, ItCanDoNothingButReadWriteAndFlush)
{
    EXPECT_EQ(
        ask([](io_uring_sqe& e) { io_uring_prep_openat(&e, AT_FDCWD, "/dev/null", O_RDONLY, 0); }),
        -EACCES
    );
    EXPECT_EQ(ask([](io_uring_sqe& e) { io_uring_prep_socket(&e, 1, 1, 0, 0); }), -EACCES);
    EXPECT_EQ(ask([](io_uring_sqe& e) { io_uring_prep_fallocate(&e, 0, 0, 0, 4096); }), -EACCES);
    EXPECT_EQ(ask([](io_uring_sqe& e) { io_uring_prep_close(&e, 0); }), -EACCES);
    const auto read = [](io_uring_sqe& e) { io_uring_prep_read(&e, -1, nullptr, 0, 0); };
    EXPECT_EQ(ask(read), -EBADF);
    EXPECT_EQ(ask(read, IOSQE_FIXED_FILE), -EACCES);
    io_uring& raw = UringPeek::ring(*ring);
    EXPECT_EQ(io_uring_register_buffers(&raw, nullptr, 0), -EACCES);
    EXPECT_EQ(io_uring_register_personality(&raw), -EACCES);
    EXPECT_EQ(io_uring_unregister_eventfd(&raw), -EACCES);
}

TEST_F(UringTest, EachImageHearsOfItsOwnTransfers)
{
    auto first = image(1 << 20), second = image(1 << 20);
    std::vector<Completion> others;
    listen(*first);
    second->on_completed([&](std::span<const Completion> all) {
        others.insert(others.end(), all.begin(), all.end());
    });
    for (std::uint32_t i = 0; i < 8; ++i) {
        first->submit({i, Direction::write, i * 4096, buffer(4096)});
        second->submit({100 + i, Direction::write, i * 4096, buffer(4096)});
    }
    first->kick();
    second->kick();
    while (done.size() < 8)
        first->collect();
    EXPECT_TRUE(others.empty()) << "one image's collect() calls for another";
    while (others.size() < 8)
        io.run_one();
    for (const Completion& c : done)
        EXPECT_TRUE(c.tag < 8 && c.error == 0) << c.tag;
    for (const Completion& c : others)
        EXPECT_TRUE(c.tag >= 100 && c.error == 0) << c.tag;
    EXPECT_EQ(UringPeek::under_way(*ring), 0u);
}

TEST_F(UringTest, AnImageThatGoesTakesNothingOfTheOthers)
{
    auto first = image(1 << 20), second = image(1 << 20);
    listen(*second);
    for (std::uint32_t i = 0; i < 8; ++i) {
        first->submit({i, Direction::write, i * 4096, buffer(4096)});
        second->submit({100 + i, Direction::read, i * 4096, buffer(4096)});
    }
    second->kick();
    first->kick();
    first.reset();
    run_until(8);
    auto third = image(1 << 20); // in the place of the first
    listen(*third);
    third->submit({200, Direction::read, 0, buffer(4096)});
    third->kick();
    run_until(9);
    EXPECT_EQ(done.back().tag, 200u);
    EXPECT_EQ(done.back().error, 0);
}

TEST_F(UringTest, WhatTheRingHasNoRoomForWaits)
{
    std::vector<std::unique_ptr<UringImage>> images;
    std::size_t total = 0;
    while (total <= Uring::kMostUnderWay + 300) {
        images.push_back(image(1 << 20));
        UringImage& disk = *images.back();
        listen(disk);
        for (total += disk.room(); disk.room() != 0;)
            disk.submit({7, Direction::read, 0, buffer(4096)});
    }
    for (auto& disk : images)
        disk->kick();
    EXPECT_LE(UringPeek::under_way(*ring), Uring::kMostUnderWay);
    run_until(total);
    EXPECT_EQ(done.size(), total);
    EXPECT_EQ(UringPeek::under_way(*ring), 0u);
    for (const Completion& c : done)
        EXPECT_EQ(c.error, 0);
}

// Its control group holds eight; a file without space of its own yet makes each write wait.
TEST_F(UringTest, WhatBlocksMakesFewThreads)
{
    auto disk = image(64 << 20);
    listen(*disk);
    const auto threads = [] {
        const std::filesystem::directory_iterator all{"/proc/self/task"};
        return std::distance(begin(all), end(all));
    };
    const auto before = threads();
    std::size_t count = 0;
    for (; disk->room() > 8; ++count)
        disk->submit({1, Direction::write, count * 200'704, buffer(4096)});
    for (; disk->room() != 0; ++count)
        disk->submit({2, Direction::flush, 0, {}});
    disk->kick();
    EXPECT_LE(threads(), before + 5);
    run_until(count);
    EXPECT_LE(threads(), before + 5);
    for (const Completion& c : done)
        EXPECT_EQ(c.error, 0);
}

// Only the thread that made the ring may use it (Linux 6.0): another one's call is refused, as it
// is when the kernel has no memory.
TEST_F(UringTest, WhatTheKernelDoesNotTakeNowIsHandedOverLater)
{
    auto disk = image(1 << 20);
    listen(*disk);
    disk->submit({1, Direction::read, 0, buffer(4096)});
    std::thread{[&] { disk->kick(); }}.join();
    if ((UringPeek::ring(*ring).flags & IORING_SETUP_SINGLE_ISSUER) != 0) {
        disk->collect();
        EXPECT_TRUE(done.empty());
    }
    run_until(1);
    EXPECT_EQ(done[0].error, 0);
}

// In a child, since there is no way back: a kernel, or an administrator, that refuses to make one.
int ring_where_there_is_none()
{
    std::array code{
        sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_io_uring_setup},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    const sock_fprog program{code.size(), code.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 1;
    boost::asio::io_context io;
    return Uring::create(io) == nullptr ? 0 : 2;
}

TEST(UringWithout, AKernelThatRefusesGivesNone)
{
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(ring_where_there_is_none());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

} // namespace
} // namespace zocalo::blk
