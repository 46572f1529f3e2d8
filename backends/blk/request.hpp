// SPDX-License-Identifier: Apache-2.0
// A guest's request, parsed and checked: what leaves here is inside the disk, inside its pages and
// within our limits, and can be carried out without another look. Pure, fuzzed; it works on private
// copies only.
//
// Units are always 512-byte sectors, whatever `sector-size` says (Xen's blkif.h as of 2024-09,
// which is what Linux has always done); start and length must be multiples of `sector-size`.
#pragma once

#include "backends/blk/wire.hpp"
#include "common/base/address.hpp"
#include "common/base/result.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace zocalo::blk {

inline constexpr std::uint64_t kSectorBytes = 512;
inline constexpr std::uint32_t kSectorsPerPage = 8;
// What feature-max-indirect-segments promises, as Linux's backend does; one table page holds 512.
inline constexpr std::uint32_t kMaxSegments = 256;
inline constexpr std::uint32_t kSegmentsPerTable = 4096 / sizeof(blkif_request_segment);
inline constexpr std::uint32_t kMaxTables =
    (kMaxSegments + kSegmentsPerTable - 1) / kSegmentsPerTable;

enum class Status : std::int16_t {
    okay = BLKIF_RSP_OKAY,
    error = BLKIF_RSP_ERROR,
    unsupported = BLKIF_RSP_EOPNOTSUPP,
};

// barrier: a write that comes after all before it and before all after it, and is durable when it
// is answered; it may have no data.
enum class Operation : std::uint8_t { read, write, flush, discard, secure_discard, barrier };

// What the disk allows.
struct Limits {
    std::uint64_t sectors{};
    std::uint32_t sector_size{512};
    bool read_only{};
    bool discard{};
    bool secure_discard{};
};

// Part of one granted page.
struct Segment {
    GrantRef ref;
    std::uint8_t first{}; // sectors in the page, both inclusive
    std::uint8_t last{};
    std::uint32_t bytes() const
    {
        return (std::uint32_t{last} - first + 1) * static_cast<std::uint32_t>(kSectorBytes);
    }
};

using Segments = std::span<Segment, kMaxSegments>;

struct Request {
    std::uint64_t id{};
    std::uint8_t wire_operation{}; // echoed in the response; of an indirect request the inner one
    Operation operation{};
    std::uint64_t sector{};
    std::uint64_t discarded{}; // sectors of a discard
    std::uint32_t bytes{};     // of all segments; 0 until the table of an indirect one is read
    std::uint16_t segments{};
    std::uint8_t tables{}; // indirect: pages that hold the segments
    std::array<GrantRef, kMaxTables> table{};
};

// What to answer when a request cannot be parsed.
struct Refusal {
    std::uint64_t id{};
    std::uint8_t wire_operation{};
    Status status{Status::error};
};

// Segments of a direct request are stored in `segments`; for an indirect one only the head is
// checked, and read_tables() does the rest.
Result<Request, Refusal>
parse(const Slot& slot, const Layout& layout, const Limits& limits, Segments segments);

// `bytes` are the contents of the request's tables, 4096 bytes for each page, copied once.
Result<Request, Refusal> read_tables(
    const Request& head, std::span<const std::byte> bytes, const Limits& limits, Segments segments
);

} // namespace zocalo::blk
