// SPDX-License-Identifier: Apache-2.0
// The half of Queue that moves bytes between the guest's pages and our buffers.
#include "backends/blk/queue.hpp"

#include <algorithm>
#include <cstring>

namespace zocalo::blk {
namespace {

bool takes_data(const Request& request)
{
    return request.operation == Operation::write || request.operation == Operation::barrier;
}

} // namespace

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
        if (takes_data(entries_[slot].request))
            copy_segments(slot);
    if (copies_.empty())
        return;
    run_copies();
    std::size_t next = 0;
    std::erase_if(batch_, [&](std::uint16_t slot) {
        const Request& request = entries_[slot].request;
        if (!takes_data(request) || copied(next, entries_[slot].copies))
            return false;
        ++parts_.counters.grant_errors;
        answer(slot, Status::error);
        return true;
    });
}

// Moves each segment between the guest's page and its place in the buffer: at once when the page is
// mapped, else by an op of the batch under way.
void Queue::copy_segments(std::uint16_t slot)
{
    Entry& entry = entries_[slot];
    const bool to_guest = entry.request.operation == Operation::read;
    std::size_t at = 0;
    entry.copies = 0;
    for (const Segment& segment : segments(slot).first(entry.request.segments)) {
        const auto local = entry.buffer.subspan(at, segment.bytes());
        at += segment.bytes();
        if (parts_.pool != nullptr && move_mapped(segment, local, to_guest))
            continue;
        const auto offset = static_cast<std::uint16_t>(segment.first * kSectorBytes);
        copies_.push_back(
            to_guest ? xen::GrantCopy::to_guest(parts_.guest, segment.ref, offset, local)
                     : xen::GrantCopy::from_guest(parts_.guest, segment.ref, offset, local)
        );
        ++entry.copies;
    }
}

// False when the page is not mapped and cannot be.
bool Queue::move_mapped(const Segment& segment, std::span<std::byte> local, bool to_guest)
{
    const auto page = parts_.pool->page(segment.ref, now_);
    if (page.empty())
        return false;
    const auto guest = page.subspan(segment.first * kSectorBytes, local.size());
    std::memcpy(
        to_guest ? guest.data() : local.data(), to_guest ? local.data() : guest.data(), local.size()
    );
    ++parts_.counters.persistent_segments;
    return true;
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

} // namespace zocalo::blk
