// SPDX-License-Identifier: Apache-2.0
#include "backends/net/write_ring.hpp"
#include "tests/unit/backends/net/frontend.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string>

namespace zocalo::net {

struct WriteRingPeek {
    static io_uring& ring(WriteRing& of) { return of.ring_; }
    static bool nowait(const WriteRing& of) { return of.nowait_; }
};

namespace {

// Skips where the kernel has no io_uring: the backend works without it, too.
class WriteRingTest : public ::testing::Test {
  protected:
    void SetUp() override
    {
        if (ring_ == nullptr)
            GTEST_SKIP() << "no io_uring here";
    }
    static std::vector<TapWrite> frames(std::span<const std::vector<std::uint8_t>> bytes)
    {
        std::vector<TapWrite> out;
        for (const auto& one : bytes)
            out.push_back({one});
        return out;
    }

    std::unique_ptr<WriteRing> ring_ = WriteRing::create();
    test::TapPair pair_;
};

TEST_F(WriteRingTest, FramesArriveWholeAndInOrder)
{
    std::vector<std::vector<std::uint8_t>> sent;
    for (std::size_t i = 0; i < 100; ++i) // more than it takes at once
        sent.emplace_back(20 + i, static_cast<std::uint8_t>(i));
    auto writes = frames(sent);
    ring_->write(pair_.back.get(), writes);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_TRUE(writes[i].taken) << i;
        EXPECT_EQ(pair_.receive(), sent[i]) << i;
    }
    EXPECT_TRUE(ring_->usable());
}

TEST_F(WriteRingTest, WhatIsNotTakenIsSaid)
{
    const std::vector<std::vector<std::uint8_t>> large(64, std::vector<std::uint8_t>(60'000));
    auto writes = frames(large);
    ring_->write(pair_.back.get(), writes); // nobody reads: the socket is full before the end
    EXPECT_TRUE(writes.front().taken);
    EXPECT_FALSE(writes.back().taken);
    while (!pair_.receive().empty())
        continue;
    ring_->write(pair_.back.get(), writes);
    EXPECT_TRUE(writes.front().taken) << "it goes on";
}

TEST_F(WriteRingTest, NoBatchFailsForADescriptorThatIsGone)
{
    const std::vector<std::vector<std::uint8_t>> some(3, std::vector<std::uint8_t>(60));
    auto writes = frames(some);
    ring_->write(-1, writes);
    for (const TapWrite& one : writes)
        EXPECT_FALSE(one.taken);
    EXPECT_TRUE(ring_->usable());
}

// Kernels before 6.4 cannot tell a tap not to wait; here it is a terminal that cannot.
TEST_F(WriteRingTest, ADescriptorThatCannotBeToldNotToWaitIsWrittenToAllTheSame)
{
    const UniqueFd terminal{::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
    ASSERT_TRUE(terminal);
    const std::vector<std::vector<std::uint8_t>> some(3, std::vector<std::uint8_t>(60));
    auto writes = frames(some);
    ring_->write(terminal.get(), writes);
    for (const TapWrite& one : writes)
        EXPECT_TRUE(one.taken);
    EXPECT_TRUE(ring_->usable());
}

TEST_F(WriteRingTest, WhatDoesNotEndIsTakenBack)
{
    const UniqueFd terminal{::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
    const std::vector<std::vector<std::uint8_t>> large(64, std::vector<std::uint8_t>(60'000));
    auto writes = frames(large);
    ring_->write(terminal.get(), std::span{writes}.first(1)); // from now on it may wait
    if (WriteRingPeek::nowait(*ring_))
        GTEST_SKIP() << "terminals can be told not to wait here";
    ring_->write(pair_.back.get(), writes); // nobody reads
    EXPECT_TRUE(writes.front().taken);
    EXPECT_FALSE(writes.back().taken);
    EXPECT_FALSE(ring_->usable());
    while (!pair_.receive().empty())
        continue;
    EXPECT_TRUE(pair_.receive().empty()) << "nothing of it comes later";
}

// Or whoever takes the process over could open files past its list of system calls.
TEST_F(WriteRingTest, ItCanDoNothingButWrite)
{
    io_uring& ring = WriteRingPeek::ring(*ring_);
    std::array<char, 4> byte{};
    io_uring_prep_read(io_uring_get_sqe(&ring), pair_.back.get(), byte.data(), byte.size(), 0);
    io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, "/dev/null", O_RDONLY, 0);
    for (int i = 0; i < 2; ++i) {
        ASSERT_GE(io_uring_submit_and_wait(&ring, 1), 0);
        io_uring_cqe* done = nullptr;
        ASSERT_EQ(io_uring_peek_cqe(&ring, &done), 0);
        EXPECT_EQ(done->res, -EACCES);
        io_uring_cqe_seen(&ring, done);
    }
    EXPECT_LT(io_uring_register_buffers(&ring, nullptr, 0), 0);
}

} // namespace
} // namespace zocalo::net
