// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/request.hpp"

#include <cstring>

namespace zocalo::blk {
namespace {

template <class T> T field(std::span<const std::byte> bytes, std::size_t offset)
{
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

Refusal refuse(const Request& request, Status status = Status::error)
{
    return {request.id, request.wire_operation, status};
}

// Reads `count` wire segments and sums them up; false when one is not inside its page.
bool read_segments(std::span<const std::byte> bytes, Request& request, Segments segments)
{
    request.bytes = 0;
    for (std::size_t i = 0; i < request.segments; ++i) {
        const auto wire = field<blkif_request_segment>(bytes, i * sizeof(blkif_request_segment));
        if (wire.first_sect > wire.last_sect || wire.last_sect >= kSectorsPerPage)
            return false;
        segments[i] = {GrantRef{wire.gref}, wire.first_sect, wire.last_sect};
        request.bytes += segments[i].bytes();
    }
    return true;
}

bool inside(const Request& request, const Limits& limits)
{
    const std::uint64_t sectors = request.bytes / kSectorBytes;
    const std::uint64_t per_block = limits.sector_size / kSectorBytes;
    return request.sector <= limits.sectors && sectors <= limits.sectors - request.sector &&
           request.sector % per_block == 0 && sectors % per_block == 0;
}

// The direction of a transfer; false for anything that moves no data.
bool transfer(std::uint8_t wire_operation, Operation& operation)
{
    if (wire_operation != BLKIF_OP_READ && wire_operation != BLKIF_OP_WRITE)
        return false;
    operation = wire_operation == BLKIF_OP_READ ? Operation::read : Operation::write;
    return true;
}

Result<Request, Refusal> parse_direct(
    Request request, const Slot& slot, const Layout& layout, const Limits& limits, Segments segments
)
{
    request.segments = field<std::uint8_t>(slot, offsetof(blkif_request, nr_segments));
    const bool barrier = request.operation == Operation::barrier;
    if ((request.segments == 0 && !barrier) || request.segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ||
        (request.operation != Operation::read && limits.read_only))
        return refuse(request);
    if (request.segments == 0)
        request.sector = 0; // means nothing, so nothing of it travels on
    if (!read_segments(std::span{slot}.subspan(layout.segments), request, segments) ||
        !inside(request, limits))
        return refuse(request);
    return request;
}

Result<Request, Refusal>
parse_indirect(Request request, const Slot& slot, const Layout& layout, const Limits& limits)
{
    const auto inner = field<std::uint8_t>(slot, offsetof(blkif_request_indirect, indirect_op));
    request.segments = field<std::uint16_t>(slot, offsetof(blkif_request_indirect, nr_segments));
    request.wire_operation = inner; // Linux's frontend stops the disk if the answer says "indirect"
    if (!transfer(inner, request.operation) || request.segments == 0 ||
        request.segments > kMaxSegments ||
        (request.operation == Operation::write && limits.read_only))
        return refuse(request);
    request.tables =
        static_cast<std::uint8_t>((request.segments + kSegmentsPerTable - 1) / kSegmentsPerTable);
    for (std::size_t i = 0; i < request.tables; ++i)
        request.table[i] =
            GrantRef{field<std::uint32_t>(slot, layout.indirect_refs + i * sizeof(grant_ref_t))};
    return request;
}

// Where `nr_sectors` of a discard lies: after the start, in every layout. Nothing that is not
// offered is tried.
Result<Request, Refusal>
parse_discard(Request request, const Slot& slot, const Layout& layout, const Limits& limits)
{
    const auto flag = field<std::uint8_t>(slot, offsetof(blkif_request_discard, flag));
    const bool secure = (flag & BLKIF_DISCARD_SECURE) != 0;
    request.operation = secure ? Operation::secure_discard : Operation::discard;
    request.discarded = field<std::uint64_t>(slot, layout.sector_number + sizeof(std::uint64_t));
    if (!limits.discard || (secure && !limits.secure_discard))
        return refuse(request, Status::unsupported);
    const std::uint64_t per_block = limits.sector_size / kSectorBytes;
    if (limits.read_only || request.discarded == 0 || request.sector > limits.sectors ||
        request.discarded > limits.sectors - request.sector || request.sector % per_block != 0 ||
        request.discarded % per_block != 0)
        return refuse(request);
    return request;
}

} // namespace

Result<Request, Refusal>
parse(const Slot& slot, const Layout& layout, const Limits& limits, Segments segments)
{
    Request request;
    request.wire_operation = field<std::uint8_t>(slot, offsetof(blkif_request, operation));
    request.id = field<std::uint64_t>(slot, layout.id);
    request.sector = field<std::uint64_t>(slot, layout.sector_number);
    const bool barrier = request.wire_operation == BLKIF_OP_WRITE_BARRIER;
    if (barrier)
        request.operation = Operation::barrier;
    if (barrier || transfer(request.wire_operation, request.operation))
        return parse_direct(request, slot, layout, limits, segments);
    if (request.wire_operation == BLKIF_OP_INDIRECT)
        return parse_indirect(request, slot, layout, limits);
    if (request.wire_operation == BLKIF_OP_DISCARD)
        return parse_discard(request, slot, layout, limits);
    if (request.wire_operation != BLKIF_OP_FLUSH_DISKCACHE)
        return refuse(request, Status::unsupported);
    if (field<std::uint8_t>(slot, offsetof(blkif_request, nr_segments)) != 0)
        return refuse(request);
    request.operation = Operation::flush;
    request.sector = 0; // means nothing, so nothing of it travels on
    return request;
}

Result<Request, Refusal> read_tables(
    const Request& head, std::span<const std::byte> bytes, const Limits& limits, Segments segments
)
{
    Request request = head;
    if (bytes.size() < request.segments * sizeof(blkif_request_segment) ||
        !read_segments(bytes, request, segments) || !inside(request, limits))
        return refuse(request);
    return request;
}

} // namespace zocalo::blk
