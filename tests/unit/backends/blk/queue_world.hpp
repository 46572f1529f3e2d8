// SPDX-License-Identifier: Apache-2.0
// A queue between a guest's ring and a disk in memory, for the tests of everything a queue does.
#pragma once

#include "backends/blk/queue.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/backends/blk/memory_image.hpp"
#include "tests/unit/backends/blk/request_builder.hpp"
#include "tests/unit/common/xen-proto/front_ring.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace zocalo::blk::test {

inline constexpr DomId kGuest{7};

struct QueueTest : testing::Test {
    xen::test::FrontRing front{sizeof(blkif_request)};
    xen::FakeGrantTable grants{kGuest};
    MemoryImage image{4096};
    BufferPool buffers = BufferPool::create(2 << 20).value();
    Counters counters;
    Journal journal = Journal::open({}).value();
    Limits limits{4096, 512, false};
    backend::RateLimit rate;
    Queue queue = make();

    QueueParts parts(Image& medium)
    {
        return {grants, medium, buffers, counters, journal.line(0), limits, rate, kGuest, 0};
    }
    Queue make()
    {
        Queue made{
            parts(image),
            *xen::BackRing::attach(front.pages(), sizeof(blkif_request)),
            layout(backend::RingAbi::native)};
        image.on_completed([this](std::span<const Completion> done) {
            for (const Completion& c : done)
                queue.complete(Queue::slot_of(c.tag), c.error);
            queue.flush();
        });
        return made;
    }
    void fill(std::uint32_t ref, int value)
    {
        grants.page(ref).fill(static_cast<std::byte>(value));
    }
    std::optional<blkif_response> answer() { return front.take<blkif_response>(); }
    // The only answer there is, for request `id`.
    int status_of(std::uint64_t id)
    {
        const auto response = answer();
        EXPECT_TRUE(response);
        if (!response)
            return -99;
        EXPECT_EQ(response->id, id);
        EXPECT_FALSE(answer());
        return response->status;
    }
    std::byte disk(std::size_t sector) { return image.bytes[sector * 512]; }
};

} // namespace zocalo::blk::test
