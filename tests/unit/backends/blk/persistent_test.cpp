// SPDX-License-Identifier: Apache-2.0
// A queue whose frontend uses the same grants again and again.
#include "tests/unit/backends/blk/queue_world.hpp"

namespace zocalo::blk {
namespace {

using test::direct;
using test::kGuest;

struct PersistentTest : test::QueueTest {
    Queue persistent(GrantPool& pool)
    {
        QueueParts with = parts(image);
        with.pool = &pool;
        return Queue{
            with,
            *xen::BackRing::attach(front.pages(), sizeof(blkif_request)),
            layout(backend::RingAbi::native)};
    }
    void finish(Queue& mapped)
    {
        image.on_completed([&](std::span<const Completion> done) {
            for (const Completion& c : done)
                mapped.complete(Queue::slot_of(c.tag), c.error);
            mapped.flush();
        });
        image.finish_all();
    }
};

TEST_F(PersistentTest, PersistentPagesAreMappedOnceAndNeedNoMoreCalls)
{
    GrantPool pool{grants, kGuest, 16};
    Queue mapped = persistent(pool);
    for (std::uint64_t round = 0; round < 5; ++round) {
        fill(5, static_cast<int>(round + 1));
        front.push(direct(BLKIF_OP_WRITE, round, 8, {{5, 1, 7}}));
        mapped.serve();
        finish(mapped);
        EXPECT_EQ(status_of(round), BLKIF_RSP_OKAY);
        EXPECT_EQ(disk(8), static_cast<std::byte>(round + 1));
        fill(6, 0);
        front.push(direct(BLKIF_OP_READ, 100 + round, 8, {{6, 1, 7}}));
        mapped.serve();
        finish(mapped);
        EXPECT_EQ(status_of(100 + round), BLKIF_RSP_OKAY);
        EXPECT_EQ(grants.page(6)[512], static_cast<std::byte>(round + 1));
        EXPECT_EQ(grants.page(6)[511], std::byte{0});
    }
    EXPECT_EQ(grants.calls, 0u);
    EXPECT_EQ(grants.mapped, 2u);
    EXPECT_EQ(counters.persistent_segments, 10u);
}

TEST_F(PersistentTest, WhatCannotStayMappedIsCopied)
{
    GrantPool pool{grants, kGuest, 16};
    Queue mapped = persistent(pool);
    fill(5, 5);
    fill(6, 6);
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    mapped.serve();
    grants.maps_pages = false; // as if the pool were too small
    front.push(direct(BLKIF_OP_WRITE, 2, 8, {{5, 0, 7}, {6, 0, 7}}));
    front.push(direct(BLKIF_OP_WRITE, 3, 24, {{6, 0, 7}}));
    mapped.serve();
    EXPECT_EQ(grants.calls, 1u);
    EXPECT_EQ(grants.copies, 2u);
    finish(mapped);
    for (std::uint64_t id = 1; id <= 3; ++id)
        EXPECT_EQ(answer()->status, BLKIF_RSP_OKAY);
    EXPECT_EQ(disk(8), std::byte{5});
    EXPECT_EQ(disk(16), std::byte{6});
    EXPECT_EQ(disk(24), std::byte{6});
}

} // namespace
} // namespace zocalo::blk
