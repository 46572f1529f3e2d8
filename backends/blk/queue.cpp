// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/queue.hpp"

#include <algorithm>

namespace zocalo::blk {
namespace {

// What one round takes at most: bounds the grant copy batch (each request ≤ kMaxSegments ops).
constexpr std::size_t kBatch = 32;
// Rounds in one turn: a guest that refills its ring with nonsense gets no more than this at a time.
constexpr int kRounds = 4;

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
    copies_.reserve(kBatch * kMaxSegments);
}

Queue::Served Queue::serve()
{
    if (broken_)
        return Served::broken;
    for (int round = 0; round < kRounds; ++round) {
        Taken taken = Taken::one;
        for (std::size_t n = 0; n < kBatch && taken == Taken::one; ++n)
            taken = take_one();
        fetch_tables();
        fetch_data();
        submit();
        if (taken == Taken::broken) {
            broken_ = true;
            publish();
            return Served::broken;
        }
        if (taken == Taken::starved) {
            publish();
            return Served::starved;
        }
        if (taken == Taken::none && !ring_.rearm()) {
            publish();
            return Served::idle;
        }
    }
    publish();
    return Served::again;
}

Queue::Taken Queue::take_one()
{
    if (ring_.sane() && ring_.pending() != 0 &&
        (unused_.empty() || parts_.image.room() <= batch_.size())) {
        ++parts_.counters.starved;
        return Taken::starved;
    }
    Slot copy{};
    switch (ring_.pop(copy)) {
    case xen::BackRing::Pop::broken:
        return Taken::broken;
    case xen::BackRing::Pop::empty:
        return Taken::none;
    case xen::BackRing::Pop::taken:
        break;
    }
    const std::uint16_t slot = unused_.back();
    auto request = parse(copy, layout_, parts_.limits, segments(slot));
    if (!request) {
        refuse(request.error());
        return Taken::one;
    }
    Entry& entry = entries_[slot];
    entry = Entry{*request, {}, 0};
    // An indirect request's length is unknown yet; each segment is at most a page.
    const std::size_t bytes = request->tables != 0 ? std::size_t{request->segments} * kPageSize
                                                   : std::size_t{request->bytes};
    if (bytes != 0) {
        entry.buffer = parts_.buffers.take(bytes);
        if (entry.buffer.empty()) {
            ring_.undo_pop();
            ++parts_.counters.starved;
            return Taken::starved;
        }
    }
    unused_.pop_back();
    ++in_flight_;
    batch_.push_back(slot);
    return Taken::one;
}

void Queue::fetch_tables()
{
    copies_.clear();
    std::size_t page = 0;
    for (std::uint16_t slot : batch_) {
        const Request& request = entries_[slot].request;
        std::size_t left = request.segments * sizeof(blkif_request_segment);
        for (std::size_t i = 0; i < request.tables; ++i) {
            const std::size_t bytes = std::min<std::size_t>(left, kPageSize);
            const auto to = std::span{tables_}.subspan(page++ * kPageSize, bytes);
            copies_.push_back(xen::GrantCopy::from_guest(parts_.guest, request.table[i], 0, to));
            left -= bytes;
        }
    }
    if (copies_.empty())
        return;
    run_copies();

    std::size_t next = 0;
    page = 0;
    std::erase_if(batch_, [&](std::uint16_t slot) {
        const Request head = entries_[slot].request;
        if (head.tables == 0)
            return false;
        const auto bytes = std::span{tables_}.subspan(page * kPageSize, head.tables * kPageSize);
        page += head.tables;
        if (!copied(next, head.tables)) {
            ++parts_.counters.grant_errors;
            answer(slot, Status::error);
            return true;
        }
        auto request = read_tables(head, bytes, parts_.limits, segments(slot));
        if (!request) {
            ++parts_.counters.refused_requests;
            answer(slot, request.error().status);
            return true;
        }
        entries_[slot].request = *request;
        return false;
    });
}

void Queue::fetch_data()
{
    copies_.clear();
    for (std::uint16_t slot : batch_)
        if (entries_[slot].request.operation == Operation::write)
            copy_segments(slot);
    if (copies_.empty())
        return;
    run_copies();
    std::size_t next = 0;
    std::erase_if(batch_, [&](std::uint16_t slot) {
        const Request& request = entries_[slot].request;
        if (request.operation != Operation::write || copied(next, request.segments))
            return false;
        ++parts_.counters.grant_errors;
        answer(slot, Status::error);
        return true;
    });
}

void Queue::submit()
{
    for (std::uint16_t slot : batch_) {
        const Entry& entry = entries_[slot];
        count(entry.request);
        Transfer transfer;
        transfer.tag = std::uint32_t{parts_.number} << 16 | slot;
        transfer.direction = entry.request.operation == Operation::flush  ? Direction::flush
                             : entry.request.operation == Operation::read ? Direction::read
                                                                          : Direction::write;
        transfer.offset = entry.request.sector * kSectorBytes;
        transfer.data = entry.buffer.first(entry.request.bytes);
        parts_.image.submit(transfer);
    }
    if (!batch_.empty())
        parts_.image.kick();
    batch_.clear();
}

void Queue::complete(std::uint16_t slot, int error)
{
    entries_[slot].error = error;
    if (error != 0)
        ++parts_.counters.io_errors;
    finished_.push_back(slot);
}

void Queue::flush()
{
    for (std::size_t at = 0; at < finished_.size(); at += kBatch)
        deliver(std::span{finished_}.subspan(at, std::min(kBatch, finished_.size() - at)));
    if (!finished_.empty())
        publish();
    finished_.clear();
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
        if (has_data(slot) && !copied(next, entries_[slot].request.segments)) {
            ++parts_.counters.grant_errors;
            good = false;
        }
        answer(slot, good ? Status::okay : Status::error);
    }
}

// Queues one op for each segment, between the guest's page and its place in the buffer.
void Queue::copy_segments(std::uint16_t slot)
{
    const Entry& entry = entries_[slot];
    const bool to_guest = entry.request.operation == Operation::read;
    std::size_t at = 0;
    for (const Segment& segment : segments(slot).first(entry.request.segments)) {
        const auto local = entry.buffer.subspan(at, segment.bytes());
        const auto offset = static_cast<std::uint16_t>(segment.first * kSectorBytes);
        copies_.push_back(
            to_guest ? xen::GrantCopy::to_guest(parts_.guest, segment.ref, offset, local)
                     : xen::GrantCopy::from_guest(parts_.guest, segment.ref, offset, local)
        );
        at += segment.bytes();
    }
}

void Queue::run_copies()
{
    ++parts_.counters.grant_calls;
    parts_.counters.grant_copies += copies_.size();
    // Nothing counts as done until the kernel says so, op by op (XSA-361, 362, 365).
    for (xen::GrantCopy& copy : copies_)
        copy.raw().status = GNTST_general_error;
    if (auto done = parts_.grants.copy(copies_); !done)
        ++parts_.counters.grant_errors;
}

bool Queue::copied(std::size_t& next, std::size_t ops) const
{
    bool good = true;
    for (std::size_t i = 0; i < ops; ++i)
        good = good && copies_[next + i].done();
    next += ops;
    return good;
}

void Queue::answer(std::uint16_t slot, Status status)
{
    Entry& entry = entries_[slot];
    if (!entry.buffer.empty())
        parts_.buffers.give_back(entry.buffer);
    entry.buffer = {};
    const auto response = make_response(
        entry.request.id, entry.request.wire_operation, static_cast<std::int16_t>(status)
    );
    ring_.push_bytes(std::span{response}.first(layout_.response));
    unused_.push_back(slot);
    --in_flight_;
}

void Queue::refuse(const Refusal& refusal)
{
    ++parts_.counters.refused_requests;
    const auto response = make_response(
        refusal.id, refusal.wire_operation, static_cast<std::int16_t>(refusal.status)
    );
    ring_.push_bytes(std::span{response}.first(layout_.response));
}

void Queue::publish()
{
    if (ring_.publish())
        notify_ = true;
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
    }
}

} // namespace zocalo::blk
