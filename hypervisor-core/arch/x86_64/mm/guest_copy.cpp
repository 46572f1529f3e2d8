// SPDX-License-Identifier: Apache-2.0
// hal/memory.hpp: the hypervisor runs on the guest's page tables, so guest memory is read in place;
// only the hypervisor's own part of the address space must be kept out.
#include "hypervisor-core/arch/x86_64/mm/layout.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <cstring>

extern "C" bool guest_copy(void* to, const void* from, std::size_t bytes);

namespace zocalo::hv {
namespace {

bool is_guest_range(std::uint64_t start, std::size_t bytes)
{
    const std::uint64_t end = start + bytes;
    return end >= start && (end <= layout::kHoleStart || start >= layout::kHoleEnd);
}

} // namespace

bool hal::copy_from_guest(void* to, std::uint64_t from, std::size_t bytes)
{
    return is_guest_range(from, bytes) &&
           guest_copy(to, reinterpret_cast<const void*>(from), bytes);
}

bool hal::copy_to_guest(std::uint64_t to, const void* from, std::size_t bytes)
{
    return is_guest_range(to, bytes) && guest_copy(reinterpret_cast<void*>(to), from, bytes);
}

void hal::clear_frame(Mfn mfn)
{
    std::memset(frame_bytes(mfn), 0, kPageSize);
}

void hal::copy_frame(Mfn to, Mfn from)
{
    std::memcpy(frame_bytes(to), frame_bytes(from), kPageSize);
}

} // namespace zocalo::hv
