// SPDX-License-Identifier: Apache-2.0
// The hypervisor's part of every address space: L4 slots 256 to 271 (xen/xen.h: HYPERVISOR_VIRT_*).
// All of it is the same in every address space, so switching one never changes the hypervisor.
#pragma once

#include <cstdint>

namespace zocalo::hv::layout {

inline constexpr unsigned kFirstSlot = 256;
inline constexpr unsigned kEndSlot = 272;
inline constexpr std::uint64_t kHoleStart = 0xffff800000000000;
inline constexpr std::uint64_t kHoleEnd = 0xffff880000000000;

// Slot 256: machine to physical, 8 bytes per frame, readable by guests.
inline constexpr std::uint64_t kM2p = kHoleStart;
// Slot 261: the image at kImage + its physical address, and what is mapped page by page.
inline constexpr std::uint64_t kImage = 0xffff828000000000;
inline constexpr std::uint64_t kCpuAreas = kImage + 0x40000000; // direct jumps reach the image
inline constexpr std::uint64_t kDevices = 0xffff82d000000000;
inline constexpr std::uint64_t kDescriptorWindows = 0xffff82e000000000;
// Slots 262 to 271: all RAM.
inline constexpr std::uint64_t kDirectMap = 0xffff830000000000;
inline constexpr std::uint64_t kMaxMachineBytes = kHoleEnd - kDirectMap;

// One processor's area (kCpuAreaBytes each, aligned): see cpu/cpu_area.hpp.
inline constexpr std::uint64_t kCpuAreaBytes = 0x10000;
// One processor's window on its guest's descriptors: 16 pages of GDT, 16 pages of LDT.
inline constexpr std::uint64_t kDescriptorWindowBytes = 0x20000;
inline constexpr std::uint64_t kLdtOffset = 0x10000;

} // namespace zocalo::hv::layout
