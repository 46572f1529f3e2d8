// SPDX-License-Identifier: Apache-2.0
// What is true of one entry of a guest's page table, and how the present ones among 512 are found.
// Pure; page_tables.hpp has the rules for whole tables.
#pragma once

#include "hypervisor-core/mm/frame_info.hpp"
#include "hypervisor-core/mm/pte.hpp"

#include <span>

namespace zocalo::hv {

using TableEntries = std::span<const std::uint64_t, kTableEntries>;

inline constexpr unsigned kFirstHypervisorSlot = 256, kEndHypervisorSlot = 272; // of level 4

constexpr bool is_guest_slot(unsigned level, unsigned slot)
{
    return level != 4 || slot < kFirstHypervisorSlot || slot >= kEndHypervisorSlot;
}

// As the processor sees it: PV kernels run in ring 3, so everything of theirs is a user page;
// global pages would survive the switch between a guest's kernel and its user space.
constexpr Pte as_mapped(Pte entry, unsigned level)
{
    if (!entry.present())
        return entry;
    return level == 1 ? entry.with(Pte::kUser).without(Pte::kGlobal) : entry.with(Pte::kUser);
}

// The same references are held for both: only software or attribute bits differ.
constexpr bool same_target(Pte a, Pte b, unsigned level)
{
    constexpr std::uint64_t kCounted = Pte::kFrameMask | Pte::kPresent | Pte::kWritable;
    const std::uint64_t counted = level == 1 ? kCounted : kCounted | Pte::kLarge;
    return ((a.raw ^ b.raw) & counted) == 0;
}

// A table above level 1 that names itself, read-only: some kernels find all their tables in the
// range that this makes. It shows tables to the guest, but lets nobody write to them; it is not
// counted.
constexpr bool is_linear(Pte entry, Mfn table, unsigned level)
{
    return level > 1 && entry.mfn() == table && !entry.writable() && (entry.raw & Pte::kLarge) == 0;
}

// Tables are mostly empty, and every fork and exit of the guest goes through all of several: so
// they are looked at eight entries at a time. `at` is the first of such a group.
inline constexpr unsigned kEntryGroup = 8;
constexpr bool group_is_empty(const std::uint64_t* at)
{
    return ((at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7]) & Pte::kPresent) == 0;
}

// The first slot from `slot` on whose entry is present; kTableEntries: none.
constexpr unsigned next_present(TableEntries entries, unsigned slot)
{
    for (; slot < kTableEntries; ++slot) {
        const std::uint64_t* const at = &entries[slot];
        if (slot % kEntryGroup == 0 && group_is_empty(at))
            slot += kEntryGroup - 1;
        else if ((*at & Pte::kPresent) != 0)
            break;
    }
    return slot < kTableEntries ? slot : kTableEntries;
}

// One more than the last slot below `end` whose entry is present; 0: none.
constexpr unsigned last_present(TableEntries entries, unsigned end)
{
    while (end > 0) {
        if (end % kEntryGroup == 0 && group_is_empty(&entries[end - kEntryGroup]))
            end -= kEntryGroup;
        else if ((entries[end - 1] & Pte::kPresent) != 0)
            break;
        else
            --end;
    }
    return end;
}

} // namespace zocalo::hv
