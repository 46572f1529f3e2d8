// SPDX-License-Identifier: Apache-2.0
// Pte: one entry of an x86-64 page table, any level. Source: Intel SDM volume 3, section 4.5.
#pragma once

#include "common/base/address.hpp"

#include <cstdint>

namespace zocalo::hv {

struct Pte {
    static constexpr std::uint64_t kPresent = 1 << 0;
    static constexpr std::uint64_t kWritable = 1 << 1;
    static constexpr std::uint64_t kUser = 1 << 2;
    static constexpr std::uint64_t kWriteThrough = 1 << 3;
    static constexpr std::uint64_t kCacheDisable = 1 << 4;
    static constexpr std::uint64_t kAccessed = 1 << 5;
    static constexpr std::uint64_t kDirty = 1 << 6;
    static constexpr std::uint64_t kLarge = 1 << 7; // level 2 and 3; PAT in level 1
    static constexpr std::uint64_t kGlobal = 1 << 8;
    static constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
    static constexpr std::uint64_t kFrameMask = 0x000ffffffffff000;

    std::uint64_t raw{};

    static constexpr Pte make(Mfn mfn, std::uint64_t flags)
    {
        return {mfn.value << kPageShift | flags};
    }
    constexpr Mfn mfn() const { return {(raw & kFrameMask) >> kPageShift}; }
    constexpr bool present() const { return (raw & kPresent) != 0; }
    constexpr bool writable() const { return (raw & kWritable) != 0; }
    constexpr Pte with(std::uint64_t flags) const { return {raw | flags}; }
    constexpr Pte without(std::uint64_t flags) const { return {raw & ~flags}; }
    friend constexpr bool operator==(Pte, Pte) = default;
};

// Where a virtual address is looked up in a table of `level` (1 to 4).
constexpr unsigned table_slot(std::uint64_t va, unsigned level)
{
    return static_cast<unsigned>(va >> (kPageShift + 9 * (level - 1))) & 0x1ff;
}

} // namespace zocalo::hv
