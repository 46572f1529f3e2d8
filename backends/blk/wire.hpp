// SPDX-License-Identifier: Apache-2.0
// The three layouts of blkif requests and responses (xen/io/blkif.h). 32-bit x86 aligns 64-bit
// fields to four bytes, so a 32-bit guest's `id`, `sector_number` and indirect references lie
// elsewhere. Used by request.cpp to read and answer; it knows where fields are, not what they may
// hold.
#pragma once

#include "common/backend-ctl/messages.hpp"

#include <xen/io/blkif.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace zocalo::blk {

// Byte offsets in a slot; what is equal in all layouts (operation at 0, nr_segments) is not listed.
struct Layout {
    std::size_t slot; // bytes from one slot to the next
    std::size_t id;
    std::size_t sector_number;
    std::size_t segments;      // direct: seg[]
    std::size_t indirect_refs; // indirect: indirect_grefs[]
    std::size_t response;      // bytes of a response
};

const Layout& layout(backend::RingAbi abi);

inline constexpr std::size_t kMaxSlotBytes = sizeof(blkif_request);
using Slot = std::array<std::byte, kMaxSlotBytes>;

// A response in any layout: id, operation and status lie alike, only the tail's length differs.
std::array<std::byte, sizeof(blkif_response)>
make_response(std::uint64_t id, std::uint8_t operation, std::int16_t status);

} // namespace zocalo::blk
