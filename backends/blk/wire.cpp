// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/wire.hpp"

#include <cstring>

namespace zocalo::blk {
namespace {

constexpr Layout kX86_64{
    .slot = sizeof(blkif_sring_entry),
    .id = offsetof(blkif_request, id),
    .sector_number = offsetof(blkif_request, sector_number),
    .segments = offsetof(blkif_request, seg),
    .indirect_refs = offsetof(blkif_request_indirect, indirect_grefs),
    .response = sizeof(blkif_response),
};
static_assert(kX86_64.slot == 112 && kX86_64.id == 8 && kX86_64.segments == 24);
static_assert(kX86_64.indirect_refs == 28 && kX86_64.response == 16);
static_assert(offsetof(blkif_request_indirect, id) == kX86_64.id);
static_assert(offsetof(blkif_request_indirect, sector_number) == kX86_64.sector_number);

// Xen's header as a 32-bit compiler lays it out.
constexpr Layout kX86_32{
    .slot = 108,
    .id = 4,
    .sector_number = 12,
    .segments = 20,
    .indirect_refs = 24,
    .response = 12,
};

} // namespace

const Layout& layout(backend::RingAbi abi)
{
    return abi == backend::RingAbi::x86_32 ? kX86_32 : kX86_64;
}

std::array<std::byte, sizeof(blkif_response)>
make_response(std::uint64_t id, std::uint8_t operation, std::int16_t status)
{
    static_assert(offsetof(blkif_response, operation) == 8);
    static_assert(offsetof(blkif_response, status) == 10);
    std::array<std::byte, sizeof(blkif_response)> bytes{}; // padding stays zero (XSA-216)
    std::memcpy(bytes.data(), &id, sizeof id);
    bytes[8] = static_cast<std::byte>(operation);
    std::memcpy(bytes.data() + 10, &status, sizeof status);
    return bytes;
}

} // namespace zocalo::blk
