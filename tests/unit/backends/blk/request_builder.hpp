// SPDX-License-Identifier: Apache-2.0
// Requests as a frontend of this machine writes them into its ring; a test then spoils what it
// likes.
#pragma once

#include <xen/io/blkif.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace zocalo::blk::test {

struct Part {
    std::uint32_t ref;
    std::uint8_t first;
    std::uint8_t last;
};

inline blkif_request direct(
    std::uint8_t operation,
    std::uint64_t id,
    std::uint64_t sector,
    std::initializer_list<Part> parts
)
{
    blkif_request request;
    std::memset(&request, 0, sizeof request);
    request.operation = operation;
    request.id = id;
    request.sector_number = sector;
    for (const Part& part : parts)
        request.seg[request.nr_segments++] = {part.ref, part.first, part.last};
    return request;
}

inline blkif_request
discard(std::uint64_t id, std::uint64_t sector, std::uint64_t sectors, std::uint8_t flag = 0)
{
    blkif_request_discard request;
    std::memset(&request, 0, sizeof request);
    request.operation = BLKIF_OP_DISCARD;
    request.flag = flag;
    request.id = id;
    request.sector_number = sector;
    request.nr_sectors = sectors;
    blkif_request slot;
    std::memset(&slot, 0, sizeof slot);
    std::memcpy(&slot, &request, sizeof request);
    return slot;
}

inline blkif_request indirect(
    std::uint8_t operation,
    std::uint64_t id,
    std::uint64_t sector,
    std::uint16_t segments,
    std::uint32_t table
)
{
    blkif_request_indirect request;
    std::memset(&request, 0, sizeof request);
    request.operation = BLKIF_OP_INDIRECT;
    request.indirect_op = operation;
    request.nr_segments = segments;
    request.id = id;
    request.sector_number = sector;
    request.indirect_grefs[0] = table;
    blkif_request slot;
    std::memset(&slot, 0, sizeof slot);
    std::memcpy(&slot, &request, sizeof request);
    return slot;
}

} // namespace zocalo::blk::test
