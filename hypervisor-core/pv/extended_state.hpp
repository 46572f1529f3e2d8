// SPDX-License-Identifier: Apache-2.0
// What a guest has beyond the FPU and SSE: the features it may switch on in XCR0, and the area that
// XSAVE writes and XRSTOR reads (Intel SDM volume 1, chapter 13; the standard form). Pure.
#pragma once

#include "common/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace zocalo::hv {

struct PvState;

namespace pv {

inline constexpr std::uint64_t kX87 = 1 << 0, kSse = 1 << 1, kAvx = 1 << 2;
// Larger ones (AVX-512, keys, tiles) are not offered.
inline constexpr std::uint64_t kOfferedFeatures = kX87 | kSse | kAvx;
inline constexpr std::uint64_t kCr4OsXsave = 1 << 18;
// CPUID: where it says so (leaf 1, ecx), and the leaf about the state.
inline constexpr std::uint32_t kXsaveBit = 1 << 26, kOsXsaveBit = 1 << 27;
inline constexpr std::uint32_t kExtendedStateLeaf = 0xd;

inline constexpr std::size_t kLegacyBytes = 512, kHeaderBytes = 64, kAvxBytes = 256;
inline constexpr std::size_t kMxcsrAt = 24;
inline constexpr std::size_t kMostStateBytes = kLegacyBytes + kHeaderBytes + kAvxBytes;

// Of the area that holds these features.
constexpr std::size_t state_bytes(std::uint64_t features)
{
    return kLegacyBytes + kHeaderBytes + ((features & kAvx) != 0 ? kAvxBytes : 0);
}

// Whether XCR0 may have that value on a processor that has `supported`.
constexpr bool is_xcr0(std::uint64_t value, std::uint64_t supported)
{
    return (value & kX87) != 0 && (value & ~supported) == 0 &&
           ((value & kAvx) == 0 || (value & kSse) != 0);
}

// The state after FNINIT, all exceptions masked, nothing switched on.
void start_fpu(PvState& pv);
// The 512 bytes of an FXSAVE image from somebody else; what would fault when it is loaded is
// cleared.
void set_legacy_state(PvState& pv, std::span<const std::byte, kLegacyBytes> image);
// An area as another hypervisor or we saved it, with the XCR0 it belongs to. inval: XRSTOR would
// fault, or it holds features that are not `supported`. XCR0 may lack some: the guest may have
// switched them off again.
Result<Unit> set_extended_state(
    PvState& pv, std::uint64_t xcr0, std::span<const std::byte> area, std::uint64_t supported
);

} // namespace pv
} // namespace zocalo::hv
