// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/backends/blk/queue_world.hpp"

#include <set>

namespace zocalo::blk {
namespace {

using test::direct;
using test::indirect;
using test::MemoryImage;
using test::QueueTest;
using Served = Queue::Served;

TEST_F(QueueTest, AWriteCopiesTheGuestsPagesToTheImage)
{
    fill(5, 0xa5);
    fill(6, 0x5a);
    front.push(direct(BLKIF_OP_WRITE, 1, 10, {{5, 0, 7}, {6, 1, 2}}));
    EXPECT_EQ(queue.serve(), Served::idle);
    EXPECT_FALSE(answer()); // not before the image has it
    image.finish_all();
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    EXPECT_EQ(disk(10), std::byte{0xa5});
    EXPECT_EQ(disk(17), std::byte{0xa5});
    EXPECT_EQ(disk(18), std::byte{0x5a});
    EXPECT_EQ(disk(19), std::byte{0x5a});
    EXPECT_EQ(disk(20), std::byte{0});
    EXPECT_EQ(buffers.pages_in_use(), 0u);
    EXPECT_TRUE(queue.take_notify());
}

TEST_F(QueueTest, AReadTouchesOnlyTheSectorsAskedFor)
{
    std::fill(image.bytes.begin(), image.bytes.end(), std::byte{0x77});
    fill(5, 0);
    front.push(direct(BLKIF_OP_READ, 1, 0, {{5, 2, 3}}));
    queue.serve();
    image.finish_all();
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    EXPECT_EQ(grants.page(5)[2 * 512 - 1], std::byte{0});
    EXPECT_EQ(grants.page(5)[2 * 512], std::byte{0x77});
    EXPECT_EQ(grants.page(5)[4 * 512 - 1], std::byte{0x77});
    EXPECT_EQ(grants.page(5)[4 * 512], std::byte{0});
}

TEST_F(QueueTest, AnIndirectWriteOfTheLargestSizeArrivesWhole)
{
    auto& table = grants.page(900);
    for (std::uint32_t i = 0; i < kMaxSegments; ++i) {
        fill(i, static_cast<int>(i));
        const blkif_request_segment segment{i, 0, 7};
        std::memcpy(table.data() + i * sizeof segment, &segment, sizeof segment);
    }
    front.push(indirect(BLKIF_OP_WRITE, 3, 0, kMaxSegments, 900));
    queue.serve();
    image.finish_all();
    const auto response = answer();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, BLKIF_RSP_OKAY);
    EXPECT_EQ(response->operation, BLKIF_OP_WRITE); // Linux disables a disk that says "indirect"
    for (std::uint32_t i = 0; i < kMaxSegments; ++i)
        ASSERT_EQ(disk(i * 8), static_cast<std::byte>(i));
    EXPECT_EQ(counters.indirect_requests, 1u);
}

TEST_F(QueueTest, AFlushReachesTheImage)
{
    front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, 4, 0, {}));
    queue.serve();
    ASSERT_EQ(image.waiting.size(), 1u);
    EXPECT_EQ(image.waiting[0].direction, Direction::flush);
    image.finish_all();
    EXPECT_EQ(status_of(4), BLKIF_RSP_OKAY);
}

TEST_F(QueueTest, AFullRingIsOneCopyOneSubmissionAndOneEvent)
{
    for (std::uint32_t i = 0; i < front.slots(); ++i) {
        fill(i, 1);
        front.push_hidden(direct(BLKIF_OP_WRITE, i, i * 8, {{i, 0, 7}}));
    }
    front.show();
    EXPECT_EQ(queue.serve(), Served::idle);
    EXPECT_EQ(grants.calls, 1u);
    EXPECT_EQ(image.kicks, 1u);
    image.finish_all(0, true); // out of order
    EXPECT_TRUE(queue.take_notify());
    EXPECT_FALSE(queue.take_notify());
    std::set<std::uint64_t> ids;
    while (auto response = answer()) {
        EXPECT_EQ(response->status, BLKIF_RSP_OKAY);
        ids.insert(response->id);
    }
    EXPECT_EQ(ids.size(), front.slots());
}

TEST_F(QueueTest, AnImageErrorFailsThatRequestOnly)
{
    fill(5, 1);
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    queue.serve();
    image.finish_all(EIO);
    EXPECT_EQ(status_of(1), BLKIF_RSP_ERROR);
    front.push(direct(BLKIF_OP_WRITE, 2, 0, {{5, 0, 7}}));
    queue.serve();
    image.finish_all();
    EXPECT_EQ(status_of(2), BLKIF_RSP_OKAY);
    EXPECT_EQ(counters.io_errors, 1u);
}

// --- lying frontends -----------------------------------------------------------------------------

TEST_F(QueueTest, ARequestChangedAfterItWasTakenIsServedAsItWas)
{
    fill(5, 0x11);
    front.push(direct(BLKIF_OP_WRITE, 1, 10, {{5, 0, 7}}));
    grants.before_copy = [this] {
        front.put(0, direct(BLKIF_OP_WRITE, 666, 0xffffffffffff, {{5, 0, 255}, {9, 0, 7}}));
    };
    queue.serve();
    image.finish_all();
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    EXPECT_EQ(disk(10), std::byte{0x11});
}

TEST_F(QueueTest, ATableChangedAfterItWasCopiedIsServedAsItWas)
{
    fill(5, 0x22);
    auto& table = grants.page(900);
    const blkif_request_segment good{5, 0, 7};
    std::memcpy(table.data(), &good, sizeof good);
    front.push(indirect(BLKIF_OP_WRITE, 1, 10, 1, 900));
    int copies = 0;
    grants.before_copy = [&] {
        const blkif_request_segment bad{5, 0, 255};
        if (++copies == 2) // the first was the table itself
            std::memcpy(table.data(), &bad, sizeof bad);
    };
    queue.serve();
    image.finish_all();
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    EXPECT_EQ(copies, 2);
    EXPECT_EQ(disk(10), std::byte{0x22});
}

TEST_F(QueueTest, DataChangedInFlightCannotTearTheWrite)
{
    fill(5, 0x33);
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    queue.serve();
    fill(5, 0x44);
    image.finish_all();
    EXPECT_EQ(disk(0), std::byte{0x33});
}

TEST_F(QueueTest, AWildProducerBreaksTheQueueForGood)
{
    front.set(xen::kRingReqProd, front.slots() + 1);
    EXPECT_EQ(queue.serve(), Served::broken);
    front.set(xen::kRingReqProd, 0);
    EXPECT_EQ(queue.serve(), Served::broken);
    EXPECT_TRUE(image.waiting.empty());
}

TEST_F(QueueTest, RequestsBeforeTheLieAreStillAnswered)
{
    fill(5, 1);
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    grants.before_copy = [this] { front.set(xen::kRingReqProd, 0x7fffffff); };
    EXPECT_EQ(queue.serve(), Served::idle);
    EXPECT_TRUE(queue.rearm()) << "a lie counts as work";
    EXPECT_EQ(queue.serve(), Served::broken);
    EXPECT_EQ(queue.in_flight(), 1u);
    image.finish_all();
    EXPECT_EQ(queue.in_flight(), 0u);
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
}

TEST_F(QueueTest, MalformedRequestsAreAnsweredAndGoNoFurther)
{
    front.push(direct(BLKIF_OP_WRITE, 1, 5000, {{5, 0, 7}}));
    EXPECT_EQ(queue.serve(), Served::idle);
    EXPECT_EQ(status_of(1), BLKIF_RSP_ERROR);
    front.push(direct(BLKIF_OP_DISCARD, 2, 0, {}));
    queue.serve();
    EXPECT_EQ(status_of(2), BLKIF_RSP_EOPNOTSUPP);
    EXPECT_TRUE(image.waiting.empty());
    EXPECT_EQ(counters.refused_requests, 2u);
    EXPECT_EQ(buffers.pages_in_use(), 0u);
}

TEST_F(QueueTest, ABadSegmentInATableIsRefusedAndItsBufferReturned)
{
    auto& table = grants.page(900);
    const blkif_request_segment segments[2] = {{5, 0, 7}, {6, 7, 6}};
    std::memcpy(table.data(), segments, sizeof segments);
    front.push(indirect(BLKIF_OP_READ, 1, 0, 2, 900));
    queue.serve();
    EXPECT_EQ(status_of(1), BLKIF_RSP_ERROR);
    EXPECT_EQ(buffers.pages_in_use(), 0u);
}

TEST_F(QueueTest, APageThatIsNotGrantedFailsItsOwnRequestInABatch)
{
    fill(5, 1);
    fill(7, 1);
    front.push_hidden(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    front.push_hidden(direct(BLKIF_OP_WRITE, 2, 8, {{5, 0, 7}, {6666, 0, 7}, {7, 0, 7}}));
    front.push_hidden(direct(BLKIF_OP_WRITE, 3, 16, {{7, 0, 7}}));
    front.show();
    queue.serve();
    EXPECT_EQ(status_of(2), BLKIF_RSP_ERROR);
    EXPECT_EQ(image.waiting.size(), 2u);
    image.finish_all();
    EXPECT_EQ(answer()->id, 1u);
    EXPECT_EQ(answer()->id, 3u);
    EXPECT_EQ(disk(8), std::byte{0}); // nothing of the failed one was written
}

TEST_F(QueueTest, ATableThatIsNotGrantedFailsItsRequest)
{
    front.push(indirect(BLKIF_OP_READ, 1, 0, 4, 12345));
    queue.serve();
    EXPECT_EQ(status_of(1), BLKIF_RSP_ERROR);
    EXPECT_EQ(queue.in_flight(), 0u);
}

TEST_F(QueueTest, AGrantRevokedInFlightFailsTheRead)
{
    fill(5, 0);
    front.push(direct(BLKIF_OP_READ, 1, 0, {{5, 0, 7}}));
    queue.serve();
    grants.revoke(5);
    image.finish_all();
    EXPECT_EQ(status_of(1), BLKIF_RSP_ERROR);
    EXPECT_EQ(counters.grant_errors, 1u);
}

TEST_F(QueueTest, ACopyCallThatFailsWholeFailsEveryRequestInIt)
{
    fill(5, 0);
    front.push_hidden(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    front.push_hidden(direct(BLKIF_OP_WRITE, 2, 0, {{5, 0, 7}}));
    front.show();
    grants.fail_next_copy = true;
    queue.serve();
    EXPECT_EQ(answer()->status, BLKIF_RSP_ERROR);
    EXPECT_EQ(answer()->status, BLKIF_RSP_ERROR);
    EXPECT_TRUE(image.waiting.empty());
}

TEST_F(QueueTest, OneGrantUsedManyTimesInOneRequestIsFine)
{
    fill(5, 0x12);
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}, {5, 0, 7}, {5, 4, 4}}));
    queue.serve();
    image.finish_all();
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    EXPECT_EQ(disk(16), std::byte{0x12});
}

TEST_F(QueueTest, ARingRefilledWithNonsenseDoesNotHoldTheTurn)
{
    xen::test::FrontRing big{sizeof(blkif_request), 2};
    Queue other{
        parts(image),
        *xen::BackRing::attach(big.pages(), sizeof(blkif_request)),
        layout(backend::RingAbi::native)};
    const auto refill = [&big](std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i)
            big.push_hidden(direct(BLKIF_OP_WRITE, 0, 0, {{5, 0, 7}})); // page 5 is not granted
        big.show();
    };
    refill(big.slots());
    grants.before_copy = [&] { refill(big.slots() / 2); };
    EXPECT_EQ(other.serve(), Served::again);
    EXPECT_TRUE(image.waiting.empty());
    grants.before_copy = nullptr;
    EXPECT_EQ(other.serve(), Served::idle);
    std::size_t answers = 0;
    while (auto response = big.take<blkif_response>()) {
        EXPECT_NE(response->status, BLKIF_RSP_OKAY); // it overwrote its own requests too
        ++answers;
    }
    EXPECT_GE(answers, big.slots());
}

TEST_F(QueueTest, WhenTheMediumIsFullTheRestWaitsOnTheRing)
{
    MemoryImage small{4096, 2};
    Queue narrow{
        parts(small),
        *xen::BackRing::attach(front.pages(), sizeof(blkif_request)),
        layout(backend::RingAbi::native)};
    small.on_completed([&](std::span<const Completion> done) {
        for (const Completion& c : done)
            narrow.complete(Queue::slot_of(c.tag), c.error);
        narrow.flush();
    });
    fill(5, 1);
    for (std::uint64_t i = 0; i < 5; ++i)
        front.push(direct(BLKIF_OP_WRITE, i, 0, {{5, 0, 7}}));
    EXPECT_EQ(narrow.serve(), Served::starved);
    EXPECT_EQ(small.waiting.size(), 2u);
    small.finish_all();
    EXPECT_EQ(narrow.serve(), Served::starved);
    small.finish_all();
    EXPECT_EQ(narrow.serve(), Served::idle);
    small.finish_all();
    for (std::uint64_t i = 0; i < 5; ++i)
        EXPECT_EQ(answer()->id, i);
}

TEST_F(QueueTest, WhenBuffersRunOutTheRestWaitsOnTheRing)
{
    auto rest = buffers.take(256 * 4096);
    auto most = buffers.take(255 * 4096);
    ASSERT_FALSE(rest.empty() || most.empty());
    fill(5, 9);
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    EXPECT_EQ(queue.serve(), Served::starved);
    EXPECT_FALSE(answer());
    buffers.give_back(most);
    EXPECT_EQ(queue.serve(), Served::idle);
    image.finish_all();
    EXPECT_EQ(status_of(1), BLKIF_RSP_OKAY);
    buffers.give_back(rest);
}

} // namespace
} // namespace zocalo::blk
