// SPDX-License-Identifier: Apache-2.0
// A queue that dies at any point and is followed by another on the same journal and ring.
#include "backends/blk/queue.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/backends/blk/memory_image.hpp"
#include "tests/unit/backends/blk/request_builder.hpp"
#include "tests/unit/common/xen-proto/front_ring.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <sys/mman.h>

namespace zocalo::blk {
namespace {

using test::direct;
using test::MemoryImage;

constexpr DomId kGuest{7};
const RingIdentity kRing{7, 15, 0, 1, 32, {8}};

struct JournalTest : testing::Test {
    xen::test::FrontRing front{sizeof(blkif_request)};
    xen::FakeGrantTable grants{kGuest};
    UniqueFd file{::memfd_create("journal", MFD_CLOEXEC)};
    Counters counters;
    Limits limits{4096, 512, false};
    backend::RateLimit rate;

    // What dies with a process.
    struct Process {
        MemoryImage image{4096};
        BufferPool buffers = BufferPool::create(2 << 20).value();
        Journal journal;
        std::optional<Queue> queue;
    };
    std::unique_ptr<Process> process = start();

    std::unique_ptr<Process> start()
    {
        auto made = std::make_unique<Process>(Process{
            MemoryImage{4096},
            BufferPool::create(2 << 20).value(),
            Journal::open(UniqueFd{::dup(file.get())}).value(),
            {}});
        auto ring = *xen::BackRing::attach(front.pages(), sizeof(blkif_request));
        JournalLine line = made->journal.line(0);
        std::optional<JournalLine::Found> found;
        if (line.in_use()) {
            found = line.recover(kRing, ring.shown());
            EXPECT_TRUE(ring.resume(found.value().taken, found->answered));
        } else {
            line.begin(kRing);
        }
        made->queue.emplace(
            QueueParts{grants, made->image, made->buffers, counters, line, limits, rate, kGuest, 0},
            ring,
            layout(backend::RingAbi::native)
        );
        if (found)
            made->queue->repeat(found->slots);
        made->image.on_completed([raw = made.get()](std::span<const Completion> done) {
            for (const Completion& c : done)
                raw->queue->complete(Queue::slot_of(c.tag), c.error);
            raw->queue->flush();
        });
        return made;
    }
    // kill -9: whatever was not in the image, the ring or the journal is gone.
    void die()
    {
        auto disk = std::move(process->image.bytes);
        process = start();
        process->image.bytes = std::move(disk);
    }
};

TEST_F(JournalTest, WhatWasUnderWayIsDoneByTheNextProcess)
{
    grants.page(5).fill(std::byte{0x42});
    front.push(direct(BLKIF_OP_WRITE, 1, 10, {{5, 0, 7}}));
    front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, 2, 0, {}));
    process->queue->serve();
    ASSERT_EQ(process->image.waiting.size(), 2u);
    die();
    EXPECT_TRUE(process->queue->take_notify()); // the event may have been lost
    process->queue->serve();
    ASSERT_EQ(process->image.waiting.size(), 2u);
    EXPECT_EQ(process->image.waiting[0].direction, Direction::write);
    process->image.finish_all();
    EXPECT_EQ(front.take<blkif_response>()->id, 1u);
    EXPECT_EQ(front.take<blkif_response>()->id, 2u);
    EXPECT_FALSE(front.take<blkif_response>());
    EXPECT_EQ(process->image.bytes[10 * 512], std::byte{0x42});
    EXPECT_EQ(counters.repeated, 2u);
}

TEST_F(JournalTest, AnAnswerInTheSlotOfARequestUnderWayLosesNothing)
{
    grants.page(5).fill(std::byte{1});
    for (std::uint64_t id = 0; id < 3; ++id)
        front.push(direct(BLKIF_OP_WRITE, id, id * 8, {{5, 0, 7}}));
    process->queue->serve();
    // The last one ends first: its answer overwrites the first request in the ring.
    const auto last = process->image.waiting.back();
    process->image.waiting.pop_back();
    process->image.report({{last.tag, 0}});
    EXPECT_EQ(front.take<blkif_response>()->id, 2u);
    die();
    process->queue->serve();
    EXPECT_EQ(process->image.waiting.size(), 2u);
    process->image.finish_all();
    EXPECT_EQ(front.take<blkif_response>()->id, 0u);
    EXPECT_EQ(front.take<blkif_response>()->id, 1u);
    EXPECT_FALSE(front.take<blkif_response>());
}

TEST_F(JournalTest, ARequestOvertakenByManyRingsOfOthersIsNotLost)
{
    grants.page(5).fill(std::byte{0x42});
    front.push(direct(BLKIF_OP_WRITE, 1000, 10, {{5, 0, 7}}));
    process->queue->serve();
    const auto slow = process->image.waiting.front();
    process->image.waiting.pop_front();
    for (std::uint64_t id = 0; id < 3 * front.slots(); ++id) {
        front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, id, 0, {}));
        process->queue->serve();
        process->image.finish_all();
        ASSERT_EQ(front.take<blkif_response>()->id, id);
    }
    front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, 1001, 0, {}));
    process->queue->serve();
    die();
    process->queue->serve();
    ASSERT_EQ(process->image.waiting.size(), 2u);
    EXPECT_EQ(process->image.waiting[0].direction, slow.direction); // the oldest is first
    EXPECT_EQ(process->image.waiting[0].offset, slow.offset);
    process->image.finish_all();
    EXPECT_EQ(front.take<blkif_response>()->id, 1000u);
    EXPECT_EQ(front.take<blkif_response>()->id, 1001u);
    EXPECT_EQ(process->image.bytes[10 * 512], std::byte{0x42});
}

TEST_F(JournalTest, RequestsThatCannotBeOfOneRingAreRefused)
{
    JournalLine line = process->journal.line(1);
    line.begin(kRing);
    line.taken(0, 1, Slot{});
    line.taken(1, 1, Slot{}); // twice the same
    EXPECT_FALSE(line.recover(kRing, 0));
    line.begin(kRing);
    line.taken(0, 5, Slot{});
    line.taken(1, 1, Slot{}); // the other one is still to come
    EXPECT_FALSE(line.recover(kRing, 0));
}

TEST_F(JournalTest, AnotherRingIsNotContinued)
{
    RingIdentity other = kRing;
    other.refs[0] = 9;
    EXPECT_FALSE(process->journal.line(0).recover(other, 0));
    process->journal.line(0).end();
    EXPECT_FALSE(process->journal.line(0).in_use());
}

TEST_F(JournalTest, AGuestThatShowsAnswersNobodyGaveIsNotContinued)
{
    front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, 2, 0, {}));
    process->queue->serve();
    EXPECT_FALSE(process->journal.line(0).recover(kRing, 1));
    EXPECT_FALSE(process->journal.line(0).recover(kRing, 0xffffffff));
}

TEST_F(JournalTest, BytesOfAnOldProcessThatMakeNoSenseAreRefused)
{
    // Whatever lies in the file, recover() answers with a list that a ring can have, or with none.
    std::mt19937 random{1};
    const Journal journal = Journal::open(UniqueFd{::dup(file.get())}).value();
    for (int run = 0; run < 300; ++run) {
        JournalLine line = journal.line(1);
        line.begin(kRing);
        for (std::uint32_t i = 0; i < random() % 40; ++i) {
            const auto slot = static_cast<std::uint16_t>(random() % kRing.slots);
            line.taken(slot, static_cast<std::uint32_t>(random() % 64), Slot{});
            if (random() % 2 == 0)
                line.answered(slot, static_cast<std::uint32_t>(random() % 64));
        }
        const auto found = line.recover(kRing, static_cast<std::uint32_t>(random() % 64));
        if (!found)
            continue;
        EXPECT_LE(found->slots.size(), kRing.slots);
        EXPECT_EQ(found->slots.size(), found->taken - found->answered);
    }
}

// Random requests, completions and deaths: each request is answered exactly once, and a write that
// was answered is in the image.
TEST_F(JournalTest, NoDeathLosesOrRepeatsAnAnswer)
{
    std::mt19937 random{7};
    std::map<std::uint64_t, bool> open; // by id
    std::uint64_t next = 0, answers = 0;
    // So many places that no two requests under way share one.
    const auto sector = [](std::uint64_t id) { return id % 512 * 8; };
    for (int step = 0; step < 20000; ++step) {
        switch (random() % 6) {
        case 0:
        case 1:
            if (open.size() < front.slots()) {
                grants.page(5).fill(std::byte{0x5a});
                process->image.bytes[sector(next) * 512] = {};
                // Every seventh is refused at once.
                front.push(direct(
                    next % 7 == 0 ? BLKIF_OP_DISCARD : BLKIF_OP_WRITE,
                    next,
                    sector(next),
                    {{5, 0, 7}}
                ));
                open[next++] = true;
            }
            break;
        case 2:
            process->queue->serve();
            break;
        case 3:
            if (!process->image.waiting.empty()) {
                const std::size_t at = random() % process->image.waiting.size();
                const auto transfer = process->image.waiting[at];
                process->image.waiting.erase(
                    process->image.waiting.begin() + static_cast<std::ptrdiff_t>(at)
                );
                process->image.finish(transfer);
            }
            break;
        case 4:
            if (random() % 8 == 0)
                die();
            break;
        default:
            while (const auto response = front.take<blkif_response>()) {
                ASSERT_EQ(open.erase(response->id), 1u) << "step " << step;
                if (response->status == BLKIF_RSP_OKAY) {
                    ASSERT_EQ(process->image.bytes[sector(response->id) * 512], std::byte{0x5a});
                }
                ++answers;
            }
        }
    }
    while (!open.empty()) {
        process->queue->serve();
        process->image.finish_all();
        const auto response = front.take<blkif_response>();
        ASSERT_TRUE(response);
        ASSERT_EQ(open.erase(response->id), 1u);
        ++answers;
    }
    EXPECT_EQ(answers, next);
    EXPECT_GT(counters.repeated, 100u);
}

} // namespace
} // namespace zocalo::blk
