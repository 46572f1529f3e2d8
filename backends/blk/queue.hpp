// SPDX-License-Identifier: Apache-2.0
// Queue: one blkif ring from request to response. A round takes what is on the ring, fetches tables
// and data of all of it with one grant copy each, submits it to the image with one kick, and
// answers completions in batches with at most one event. device.cpp owns queues, wakes them and
// carries events; a queue knows no event loop and no other queue.
#pragma once

#include "backends/blk/buffer_pool.hpp"
#include "backends/blk/counters.hpp"
#include "backends/blk/grant_pool.hpp"
#include "backends/blk/image.hpp"
#include "backends/blk/journal.hpp"
#include "backends/blk/request.hpp"
#include "backends/common/token_bucket.hpp"
#include "common/xen-proto/back_ring.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace zocalo::blk {

// What a queue works with; all of it outlives the queue.
struct QueueParts {
    xen::GrantTable& grants;
    Image& image;
    BufferPool& buffers;
    Counters& counters;
    JournalLine journal;
    const Limits& limits; // a disk may grow
    backend::RateLimit& rate;
    DomId guest;
    std::uint16_t number{};    // upper half of its transfers' tags
    GrantPool* pool = nullptr; // when the frontend's grants are persistent
};

class Queue {
  public:
    enum class Served {
        idle,    // the ring is empty: rearm() before waiting for the guest
        again,   // more work than one turn may do: call serve() again soon
        starved, // waits for buffers or the medium: call serve() after the next completion
        limited, // the disk's rate is used up: call serve() when it allows more
        broken,  // the ring is impossible: stop the device
    };

    Queue(const QueueParts& parts, xen::BackRing ring, const Layout& layout);

    // Before the first serve(): these entries of the journal were taken by the process before and
    // are served first. The ring stands behind them.
    void repeat(std::span<const std::uint16_t> slots);

    Served serve();
    // Whether the guest has put something on the ring.
    bool pending() const { return ring_.pending() != 0; }
    // Asks for an event with the next request; true when one has come already: serve() again.
    bool rearm() { return ring_.rearm(); }
    // One transfer ended. The answer goes out with the next flush().
    void complete(std::uint16_t slot, int error);
    // Answers what has completed.
    void flush();
    // True when the guest is to be notified; asked once after serve() and flush().
    bool take_notify() { return std::exchange(notify_, false); }

    std::size_t in_flight() const { return in_flight_; }

    static std::uint16_t queue_of(std::uint32_t tag)
    {
        return static_cast<std::uint16_t>(tag >> 16);
    }
    static std::uint16_t slot_of(std::uint32_t tag) { return static_cast<std::uint16_t>(tag); }

  private:
    using Clock = std::chrono::steady_clock;
    // One turn in so many has its requests timed: looking at the clock is a system call on hosts
    // whose kernels do not trust their processors' counter, and costs more than the rest there.
    static constexpr unsigned kTurnsPerTimed = 8;
    // A request that was taken and not answered.
    struct Entry {
        Request request;
        std::span<std::byte> buffer;
        int error = 0;
        std::uint16_t copies = 0; // grant copies of its data, in the batch under way
        Clock::time_point since;  // it entered the stage it is in; when it is timed
        bool timed = false;
        std::uint8_t step = 0; // of a barrier: flush, write, flush
    };
    // ordered: a barrier waits for those before it, or those after it wait for the barrier.
    enum class Taken { one, none, starved, ordered, limited, broken };

    Taken take_one();
    Taken take_from_ring(Slot& copy);
    bool start(std::uint16_t slot, const Request& request);
    void fetch_tables();
    void fetch_data();
    void submit();
    Transfer transfer_of(std::uint16_t slot) const;
    bool next_step(std::uint16_t slot);
    void deliver(std::span<const std::uint16_t> slots);
    void copy_segments(std::uint16_t slot);
    bool move_mapped(const Segment& segment, std::span<std::byte> local, bool to_guest);
    void run_copies();
    bool copied(std::size_t& next, std::size_t ops) const;
    void answer(std::uint16_t slot, Status status);
    void push(std::uint16_t slot, std::uint64_t id, std::uint8_t operation, Status status);
    void publish();
    void look_at_clock();
    void count(const Request& request);
    Segments segments(std::uint16_t slot)
    {
        return Segments{segments_.get() + std::size_t{slot} * kMaxSegments, kMaxSegments};
    }

    QueueParts parts_;
    xen::BackRing ring_;
    const Layout& layout_;
    std::unique_ptr<Segment[]> segments_; // kMaxSegments for each entry
    std::vector<Entry> entries_;
    std::vector<std::uint16_t> unused_;   // entries
    std::vector<std::uint16_t> repeated_; // taken by the process before; the oldest is last
    std::vector<std::uint16_t> batch_;    // taken in this round, still good
    std::vector<std::uint16_t> finished_; // completed, not answered
    std::vector<std::uint16_t> pushed_;   // answered, not published
    std::vector<std::byte> tables_;       // one page for each indirect request of a round
    std::vector<xen::GrantCopy> copies_;
    Clock::time_point now_; // of the turn: exact when it is timed, else to a few milliseconds
    unsigned turns_ = 0;
    bool timed_ = false;
    std::size_t timed_finished_ = 0; // of finished_
    std::size_t in_flight_ = 0;
    bool barrier_ = false; // one is under way
    bool notify_ = false;
    bool broken_ = false;
};

} // namespace zocalo::blk
