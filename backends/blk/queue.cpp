// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/queue.hpp"

#include <algorithm>
#include <ctime>

namespace zocalo::blk {
namespace {

// What one round takes at most: bounds the grant copy batch (each request ≤ kMaxSegments ops).
constexpr std::size_t kBatch = 32;
// Rounds in one turn: a guest that refills its ring with nonsense gets no more than this at a time.
constexpr int kRounds = 4;

Direction direction_of(Operation operation)
{
    switch (operation) {
    case Operation::read:
        return Direction::read;
    case Operation::write:
        return Direction::write;
    case Operation::flush:
        return Direction::flush;
    case Operation::discard:
        return Direction::discard;
    case Operation::secure_discard:
        return Direction::secure_discard;
    case Operation::barrier:
        break;
    }
    return Direction::flush; // what it begins and ends with
}

} // namespace

Queue::Queue(const QueueParts& parts, xen::BackRing ring, const Layout& layout)
    : parts_{parts}, ring_{ring}, layout_{layout},
      segments_{std::make_unique_for_overwrite<Segment[]>(ring.slots() * kMaxSegments)},
      entries_(ring.slots()), tables_(kBatch * kMaxTables * kPageSize)
{
    // Everything the I/O path needs is allocated here; the largest round is known.
    unused_.reserve(ring.slots());
    for (std::uint32_t i = ring.slots(); i > 0; --i)
        unused_.push_back(static_cast<std::uint16_t>(i - 1));
    batch_.reserve(kBatch);
    finished_.reserve(ring.slots());
    pushed_.reserve(ring.slots());
    copies_.reserve(kBatch * kMaxSegments);
}

void Queue::repeat(std::span<const std::uint16_t> slots)
{
    repeated_.assign(slots.rbegin(), slots.rend());
    std::erase_if(unused_, [this](std::uint16_t slot) {
        return std::ranges::find(repeated_, slot) != repeated_.end();
    });
    parts_.counters.repeated += slots.size();
    notify_ = true; // the process before may have died between its last answer and the event
}

Queue::Served Queue::serve()
{
    if (broken_)
        return Served::broken;
    for (int round = 0; round < kRounds; ++round) {
        look_at_clock();
        Taken taken = Taken::one;
        for (std::size_t n = 0; n < kBatch && taken == Taken::one; ++n)
            taken = take_one();
        fetch_tables();
        fetch_data();
        submit();
        publish();
        if (taken == Taken::broken) {
            broken_ = true;
            return Served::broken;
        }
        if (taken == Taken::starved || (taken == Taken::ordered && in_flight_ != 0))
            return Served::starved;
        if (taken == Taken::limited)
            return Served::limited;
        if (taken == Taken::none)
            return Served::idle;
    }
    return Served::again;
}

Queue::Taken Queue::take_one()
{
    const bool again = !repeated_.empty();
    if (barrier_)
        return Taken::ordered;
    // Entries of answered requests come back. With none left the ring is full, too: pop() takes
    // nothing then, whatever the guest says.
    if (unused_.empty())
        publish();
    if (again || (ring_.sane() && ring_.pending() != 0)) {
        if (parts_.image.room() <= batch_.size()) {
            ++parts_.counters.starved;
            return Taken::starved;
        }
        if (!parts_.rate.ready(now_)) {
            ++parts_.counters.limited;
            return Taken::limited;
        }
    }
    Slot copy{};
    const std::uint16_t slot = again ? repeated_.back() : unused_.empty() ? 0 : unused_.back();
    if (again)
        copy = parts_.journal.request(slot);
    else if (const Taken taken = take_from_ring(copy); taken != Taken::one)
        return taken;
    auto request = parse(copy, layout_, parts_.limits, segments(slot));
    if (request && request->operation == Operation::barrier && in_flight_ != 0) {
        if (!again)
            ring_.undo_pop();
        return Taken::ordered;
    }
    if (request && !start(slot, *request)) {
        if (!again)
            ring_.undo_pop();
        ++parts_.counters.starved;
        return Taken::starved;
    }
    (again ? repeated_ : unused_).pop_back();
    if (!again)
        parts_.journal.taken(slot, ring_.req_cons() - 1, copy);
    if (request)
        return Taken::one;
    ++parts_.counters.refused_requests;
    push(slot, request.error().id, request.error().wire_operation, request.error().status);
    return Taken::one;
}

Queue::Taken Queue::take_from_ring(Slot& copy)
{
    switch (ring_.pop(copy)) {
    case xen::BackRing::Pop::broken:
        return Taken::broken;
    case xen::BackRing::Pop::empty:
        return Taken::none;
    case xen::BackRing::Pop::taken:
        break;
    }
    return Taken::one;
}

// Gives the request its entry; false when there is no buffer for it now.
bool Queue::start(std::uint16_t slot, const Request& request)
{
    Entry& entry = entries_[slot];
    entry = Entry{request, {}, 0, 0, now_, timed_, 0};
    // An indirect request's length is unknown yet; each segment is at most a page.
    const std::size_t bytes = request.tables != 0 ? std::size_t{request.segments} * kPageSize
                                                  : std::size_t{request.bytes};
    if (bytes != 0) {
        entry.buffer = parts_.buffers.take(bytes);
        if (entry.buffer.empty())
            return false;
    }
    parts_.rate.take(bytes);
    barrier_ = request.operation == Operation::barrier;
    ++in_flight_;
    batch_.push_back(slot);
    return true;
}

void Queue::submit()
{
    if (batch_.empty())
        return;
    const Clock::time_point now = timed_ ? Clock::now() : now_;
    for (std::uint16_t slot : batch_) {
        Entry& entry = entries_[slot];
        count(entry.request);
        if (entry.timed)
            parts_.counters.fetch.add(now - std::exchange(entry.since, now));
        parts_.image.submit(transfer_of(slot));
    }
    parts_.image.kick();
    batch_.clear();
}

Transfer Queue::transfer_of(std::uint16_t slot) const
{
    const Entry& entry = entries_[slot];
    Transfer transfer;
    transfer.tag = std::uint32_t{parts_.number} << 16 | slot;
    transfer.direction = direction_of(entry.request.operation);
    if (entry.request.operation == Operation::barrier && entry.step != 1)
        return transfer;
    if (entry.step == 1)
        transfer.direction = Direction::write;
    transfer.length = entry.request.discarded * kSectorBytes;
    transfer.offset = entry.request.sector * kSectorBytes;
    transfer.data = entry.buffer.first(entry.request.bytes);
    return transfer;
}

// A barrier's next transfer, if there is one. The medium has room: one has just ended.
bool Queue::next_step(std::uint16_t slot)
{
    constexpr std::uint8_t kLast = 2;
    Entry& entry = entries_[slot];
    if (entry.request.operation != Operation::barrier || entry.request.bytes == 0 ||
        entry.step == kLast)
        return false;
    ++entry.step;
    parts_.image.submit(transfer_of(slot));
    parts_.image.kick();
    return true;
}

void Queue::complete(std::uint16_t slot, int error)
{
    if (error == 0 && next_step(slot))
        return;
    Entry& entry = entries_[slot];
    entry.error = error;
    if (entry.timed && timed_finished_++ == 0)
        now_ = Clock::now(); // one look for all that ended together
    if (entry.timed)
        parts_.counters.medium.add(now_ - std::exchange(entry.since, now_));
    if (error != 0)
        ++parts_.counters.io_errors;
    finished_.push_back(slot);
}

void Queue::flush()
{
    if (finished_.empty())
        return;
    for (std::size_t at = 0; at < finished_.size(); at += kBatch)
        deliver(std::span{finished_}.subspan(at, std::min(kBatch, finished_.size() - at)));
    publish();
    if (timed_finished_ != 0) {
        const auto took = Clock::now() - now_;
        for (; timed_finished_ != 0; --timed_finished_)
            parts_.counters.answer.add(took);
    }
    finished_.clear();
}

// A limit must see time pass; else what the kernel noted at its last tick will do, without a system
// call.
void Queue::look_at_clock()
{
    timed_ = turns_++ % kTurnsPerTimed == 0;
    if (timed_ || parts_.rate.limited()) {
        now_ = Clock::now();
        return;
    }
    timespec tick{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
    now_ = Clock::time_point{
        std::chrono::seconds{tick.tv_sec} + std::chrono::nanoseconds{tick.tv_nsec}};
}

void Queue::deliver(std::span<const std::uint16_t> slots)
{
    const auto has_data = [this](std::uint16_t slot) {
        const Entry& entry = entries_[slot];
        return entry.request.operation == Operation::read && entry.error == 0;
    };
    copies_.clear();
    for (std::uint16_t slot : slots)
        if (has_data(slot))
            copy_segments(slot);
    if (!copies_.empty())
        run_copies();
    std::size_t next = 0;
    for (std::uint16_t slot : slots) {
        bool good = entries_[slot].error == 0;
        if (has_data(slot) && !copied(next, entries_[slot].copies)) {
            ++parts_.counters.grant_errors;
            good = false;
        }
        answer(slot, good ? Status::okay : Status::error);
    }
}

void Queue::answer(std::uint16_t slot, Status status)
{
    Entry& entry = entries_[slot];
    if (!entry.buffer.empty())
        parts_.buffers.give_back(entry.buffer);
    entry.buffer = {};
    barrier_ = barrier_ && entry.request.operation != Operation::barrier;
    --in_flight_;
    push(slot, entry.request.id, entry.request.wire_operation, status);
}

// Into the ring, where the guest does not see it before publish(). The entry stays until then.
void Queue::push(std::uint16_t slot, std::uint64_t id, std::uint8_t operation, Status status)
{
    const auto response = make_response(id, operation, static_cast<std::int16_t>(status));
    parts_.journal.answered(slot, ring_.rsp_prod());
    ring_.push_bytes(std::span{response}.first(layout_.response));
    pushed_.push_back(slot);
}

void Queue::publish()
{
    if (pushed_.empty())
        return;
    if (ring_.publish())
        notify_ = true;
    parts_.journal.published(ring_.rsp_prod(), pushed_);
    unused_.insert(unused_.end(), pushed_.begin(), pushed_.end());
    pushed_.clear();
}

void Queue::count(const Request& request)
{
    Counters& c = parts_.counters;
    c.indirect_requests += request.tables != 0 ? 1 : 0;
    switch (request.operation) {
    case Operation::read:
        ++c.read_requests;
        c.read_bytes += request.bytes;
        break;
    case Operation::write:
        ++c.write_requests;
        c.write_bytes += request.bytes;
        break;
    case Operation::flush:
        ++c.flush_requests;
        break;
    case Operation::barrier:
        ++c.barrier_requests;
        c.write_bytes += request.bytes;
        break;
    case Operation::discard:
    case Operation::secure_discard:
        ++c.discard_requests;
        c.discard_bytes += request.discarded * kSectorBytes;
        break;
    }
}

} // namespace zocalo::blk
