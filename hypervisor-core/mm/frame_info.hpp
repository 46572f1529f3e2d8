// SPDX-License-Identifier: Apache-2.0
// FrameInfo: what is known of one machine frame. The table of them is the memory rules' only state;
// frame_table.hpp has the rules.
#pragma once

#include "common/base/address.hpp"

#include <cstdint>

namespace zocalo::hv {

// A frame has one type at a time, and changes it only while nothing holds the old one.
enum class FrameType : std::uint8_t {
    none,     // nobody relies on what is in it
    writable, // mapped writable by a guest: anything may be in it
    l1,       // a validated page table of that level …
    l2,
    l3,
    l4,
    descriptors, // validated segment descriptors (GDT or LDT)
};

// Owners that are not domains (xen/xen.h).
inline constexpr DomId kOwnerIo{0x7ff1};         // DOMID_IO: not RAM
inline constexpr DomId kOwnerHypervisor{0x7ff2}; // DOMID_XEN: ours, never a guest's
inline constexpr DomId kNobody{0x7ff4};          // DOMID_INVALID: free

inline constexpr std::uint32_t kNoFrame = ~std::uint32_t{0};
inline constexpr unsigned kTableEntries = 512;

struct FrameInfo {
    enum Flag : std::uint8_t {
        pinned = 1 << 0,    // one type reference is held by the guest's own pin
        allocated = 1 << 1, // one reference is held by the allocation itself
        lent = 1 << 2,      // the hypervisor's memory, shown to `owner` (shared info, grant table)
        partial = 1 << 3,   // a table of which only the first `entries_held()` entries are counted
        ownerless = 1 << 4, // the one use of a partial table is nobody's: who asks next has it
    };

    std::uint32_t refs{};         // mappings, typed uses, the allocation; 0: free
    std::uint32_t type_refs{};    // uses as `type`; while free: the order of the free block
    std::uint32_t next{kNoFrame}; // neighbours in the owner's list, or in a list of free blocks
    std::uint32_t previous{kNoFrame};
    // When translations to it were last dropped (TlbClock). Nobody asks that of a frame in use: of
    // a partial table it is how many entries hold their references.
    std::uint32_t stamp{};
    DomId owner{kNobody};
    FrameType type{FrameType::none}; // with no uses: the last one, until the frame is free
    std::uint8_t flags{};

    bool has(Flag flag) const { return (flags & flag) != 0; }
    void set(Flag flag) { flags = static_cast<std::uint8_t>(flags | flag); }
    void clear(Flag flag) { flags = static_cast<std::uint8_t>(flags & ~flag); }

    // As a page table in use: 1 to 4; 0 when it is none.
    unsigned table_level() const
    {
        if (type_refs == 0 || type < FrameType::l1 || type > FrameType::l4)
            return 0;
        return static_cast<unsigned>(type) - static_cast<unsigned>(FrameType::l1) + 1;
    }
    // Of a page table: the entries up to there are checked and hold their references.
    unsigned entries_held() const { return has(partial) ? stamp : kTableEntries; }
};
static_assert(sizeof(FrameInfo) == 24);

} // namespace zocalo::hv
