// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/aio_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace zocalo::blk {
namespace {

// As the kernel lays it out (fs/aio.c), with four places.
struct Shown {
    std::uint32_t id = 0, events = 4, head = 0, tail = 0, magic = 0xa10a10a1, compatible = 1,
                  incompatible = 0, header_bytes = 32;
    std::array<io_event, 4> places{};

    io_context_t context() { return reinterpret_cast<io_context_t>(this); }
    void end(unsigned long result)
    {
        places[tail].res = result;
        tail = (tail + 1) % events;
    }
};

TEST(AioRing, EndsAreTakenInOrderAcrossItsEdge)
{
    Shown ring;
    std::array<io_event, 8> got{};
    unsigned long next = 0, expected = 0;
    for (const unsigned count : {3u, 0u, 2u, 1u, 3u, 3u}) {
        for (unsigned i = 0; i < count; ++i)
            ring.end(next++);
        ASSERT_EQ(take_ended(ring.context(), got), count);
        for (unsigned i = 0; i < count; ++i)
            EXPECT_EQ(got[i].res, expected++);
        EXPECT_EQ(ring.head, ring.tail);
    }
}

TEST(AioRing, NoMoreIsTakenThanThereIsRoomFor)
{
    Shown ring;
    for (unsigned long i = 0; i < 3; ++i)
        ring.end(i);
    std::array<io_event, 2> got{};
    EXPECT_EQ(take_ended(ring.context(), got), 2u);
    EXPECT_EQ(take_ended(ring.context(), got), 1u);
    EXPECT_EQ(got[0].res, 2u);
    EXPECT_EQ(take_ended(ring.context(), got), 0u);
}

// It is then the kernel's business, and the kernel knows no such context.
TEST(AioRing, ARingOfAnotherKindIsNotRead)
{
    std::array<io_event, 2> got{};
    for (const auto change :
         {+[](Shown& ring) { ring.magic = 1; },
          +[](Shown& ring) { ring.incompatible = 1; },
          +[](Shown& ring) { ring.header_bytes = 64; },
          +[](Shown& ring) { ring.events = 0; }}) {
        Shown ring;
        ring.end(7);
        change(ring);
        EXPECT_EQ(take_ended(ring.context(), got), 0u);
        EXPECT_EQ(ring.head, 0u);
    }
}

// The kernel's own ring, round several times: it takes what was read as read.
TEST(AioRing, TheKernelGoesOnWhereTheReaderIs)
{
    io_context_t context = nullptr;
    ASSERT_EQ(::io_setup(4, &context), 0);
    EXPECT_EQ(reinterpret_cast<Shown*>(context)->magic, Shown{}.magic)
        << "this kernel is asked by a system call";
    const int file = ::memfd_create("aio_ring_test", MFD_CLOEXEC);
    ASSERT_GE(file, 0);
    ASSERT_EQ(::ftruncate(file, 4096), 0);
    std::array<char, 512> data{};
    std::array<io_event, 4> got{};
    for (unsigned i = 0; i < 2000; ++i) {
        iocb control{};
        ::io_prep_pread(&control, file, data.data(), data.size(), 0);
        control.data = reinterpret_cast<void*>(std::uintptr_t{i} + 1);
        iocb* list = &control;
        ASSERT_EQ(::io_submit(context, 1, &list), 1) << "after " << i;
        ASSERT_EQ(take_ended(context, got), 1u); // a memory file's transfer ends as it begins
        EXPECT_EQ(got[0].data, control.data);
        EXPECT_EQ(got[0].res, data.size());
    }
    EXPECT_EQ(::io_getevents(context, 0, 4, got.data(), nullptr), 0) << "nothing is left over";
    ::close(file);
    ::io_destroy(context);
}

} // namespace
} // namespace zocalo::blk
