// SPDX-License-Identifier: Apache-2.0
// Barriers: what was before is done before, what comes after begins after, and it is durable.
#include "tests/unit/backends/blk/queue_world.hpp"

namespace zocalo::blk {
namespace {

using test::direct;
using test::QueueTest;
using Served = Queue::Served;

class BarrierTest : public QueueTest {
  protected:
    // Carries out the one transfer that waits; says what it was.
    Direction step()
    {
        EXPECT_EQ(image.waiting.size(), 1u);
        const Transfer transfer = image.waiting.front();
        image.waiting.pop_front();
        image.finish(transfer);
        return transfer.direction;
    }
};

TEST_F(BarrierTest, WaitsForThoseBeforeItAndThoseAfterWaitForIt)
{
    fill(5, 0x11);
    fill(6, 0x22);
    fill(7, 0x33);
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    front.push(direct(BLKIF_OP_WRITE_BARRIER, 2, 8, {{6, 0, 7}}));
    front.push(direct(BLKIF_OP_WRITE, 3, 16, {{7, 0, 7}}));
    EXPECT_EQ(queue.serve(), Served::starved); // its disk serves again after a completion
    EXPECT_EQ(step(), Direction::write);
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    EXPECT_EQ(queue.serve(), Served::starved);
    EXPECT_EQ(step(), Direction::flush); // what was written before
    EXPECT_EQ(queue.serve(), Served::starved);
    EXPECT_EQ(step(), Direction::write);
    EXPECT_FALSE(answer());
    EXPECT_EQ(step(), Direction::flush); // and the barrier's own data
    EXPECT_EQ(status_of(2), BLKIF_RSP_OKAY);
    EXPECT_EQ(disk(8), std::byte{0x22});
    EXPECT_EQ(disk(16), std::byte{0});
    EXPECT_EQ(queue.serve(), Served::idle);
    EXPECT_EQ(step(), Direction::write);
    EXPECT_EQ(status_of(3), BLKIF_RSP_OKAY);
    EXPECT_EQ(disk(16), std::byte{0x33});
    EXPECT_EQ(counters.barrier_requests, 1u);
    EXPECT_EQ(queue.in_flight(), 0u);
    EXPECT_EQ(buffers.pages_in_use(), 0u);
}

TEST_F(BarrierTest, WithoutDataItIsAFlushInItsPlace)
{
    front.push(direct(BLKIF_OP_WRITE_BARRIER, 1, 0, {}));
    EXPECT_EQ(queue.serve(), Served::starved);
    EXPECT_EQ(step(), Direction::flush);
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    EXPECT_EQ(queue.serve(), Served::idle);
}

TEST_F(BarrierTest, AnErrorInAnyStepEndsItAndOthersGoOn)
{
    for (unsigned good_steps = 0; good_steps < 3; ++good_steps) {
        fill(6, 0x22);
        front.push(direct(BLKIF_OP_WRITE_BARRIER, 1, 8, {{6, 0, 7}}));
        queue.serve();
        for (unsigned i = 0; i < good_steps; ++i)
            step();
        image.finish_all(EIO);
        EXPECT_EQ(status_of(1), BLKIF_RSP_ERROR);
        front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, 2, 0, {}));
        EXPECT_EQ(queue.serve(), Served::idle);
        image.finish_all();
        EXPECT_EQ(status_of(2), BLKIF_RSP_OKAY);
    }
}

TEST_F(BarrierTest, OneWhosePagesCannotBeReadDoesNotKeepTheQueue)
{
    front.push(direct(BLKIF_OP_WRITE_BARRIER, 1, 8, {{999, 0, 7}})); // granted to nobody
    front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, 2, 0, {}));
    EXPECT_EQ(queue.serve(), Served::idle);
    EXPECT_EQ(step(), Direction::flush);
    const auto first = answer();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->id, 1u);
    EXPECT_EQ(first->status, BLKIF_RSP_ERROR);
    EXPECT_EQ(status_of(2), BLKIF_RSP_OKAY);
}

TEST_F(BarrierTest, SeveralInARowAreServedOneAfterAnother)
{
    for (std::uint64_t id = 1; id <= 3; ++id)
        front.push(direct(BLKIF_OP_WRITE_BARRIER, id, 0, {}));
    for (std::uint64_t id = 1; id <= 3; ++id) {
        queue.serve();
        EXPECT_EQ(step(), Direction::flush);
        EXPECT_EQ(status_of(id), BLKIF_RSP_OKAY);
    }
    EXPECT_EQ(queue.serve(), Served::idle);
}

} // namespace
} // namespace zocalo::blk
