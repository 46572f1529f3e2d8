// SPDX-License-Identifier: Apache-2.0
// Bitmaps of processors between the tools and us (struct xenctl_bitmap).
#pragma once

#include "hypervisor-core/hal/processor.hpp"
#include "hypervisor-core/hypercall/guest_ref.hpp"

#include <xen/xen.h>

#include <algorithm>

namespace zocalo::hv {

inline constexpr std::uint32_t kByteBits = 8;

// Bits beyond the processors there can be are not looked at.
inline Result<CpuMask> copy_in(const xenctl_bitmap& map)
{
    const std::uint32_t bits = std::min(map.nr_bits, kMaxCpus);
    const std::uint32_t bytes = (bits + kByteBits - 1) / kByteBits;
    CpuMask mask = 0;
    if (!hal::copy_from_guest(&mask, address_of(map.bitmap), bytes))
        return Errno::fault;
    return bits == kMaxCpus ? mask : mask & ((CpuMask{1} << bits) - 1);
}

inline Result<Unit> copy_out(const xenctl_bitmap& map, CpuMask mask)
{
    constexpr std::uint32_t kMostBits = 1 << 16; // what a caller may ask us to clear
    if (map.nr_bits > kMostBits)
        return Errno::inval;
    const GuestArray<std::uint8_t> bytes{address_of(map.bitmap)};
    for (std::uint32_t i = 0; i * kByteBits < map.nr_bits; ++i) {
        const bool holds = i < sizeof(mask);
        TRY(bytes[i].copy_out(static_cast<std::uint8_t>(holds ? mask >> (i * kByteBits) : 0)));
    }
    return Unit{};
}

} // namespace zocalo::hv
