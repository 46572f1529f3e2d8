// SPDX-License-Identifier: Apache-2.0
// PageTables: what a PV guest may put into its page tables. A table is checked as a whole when it
// gets its type, and entry by entry afterwards; each present entry holds references to what it
// points at, so that the counts in FrameTable describe all mappings there are. Xen's rules for
// direct paging (public interface: MMU_*, MMUEXT_* in xen/xen.h). It knows no vCPUs.
#pragma once

#include "hypervisor-core/mm/memory.hpp"
#include "hypervisor-core/mm/pte.hpp"

#include <array>

namespace zocalo::hv {

constexpr FrameType table_type(unsigned level)
{
    return static_cast<FrameType>(static_cast<unsigned>(FrameType::l1) + level - 1);
}

// In whose name an entry is written.
struct MapRights {
    DomId tables; // the owner of the tables: what levels 2 to 4 may point at
    DomId pages;  // the owner of the pages that level 1 may map
    bool io{};    // may map what is not RAM
};

enum class WriteKind { plain, keep_accessed_dirty };

struct EntryPlace {
    Mfn table{};
    unsigned slot{};
};

class PageTables {
  public:
    explicit constexpr PageTables(Memory& memory) : memory_{memory} {}

    // The hypervisor's part of every L4, slots 256 to 271.
    void set_hypervisor_slots(std::span<const std::uint64_t, 16> slots);
    // Frames outside of RAM that no guest may map (interrupt controllers).
    void forbid_io(Mfn mfn);
    // Frames of ours that whoever acts for DOMID_XEN may map to read: the machine-to-physical
    // table.
    void show(Mfn first, std::uint64_t count) { shown_ = first, shown_count_ = count; }
    void set_machine_frames(std::uint64_t frames) { machine_frames_ = frames; }

    // A use of `table` as a table of `level` by `rights.tables`, which validates it if it is the
    // first.
    Result<Unit> get_table(Mfn table, unsigned level, const MapRights& rights);
    void put_table(Mfn table, unsigned level);

    // MMUEXT_PIN_Ln_TABLE, MMUEXT_UNPIN_TABLE: the guest's own use of a table.
    Result<Unit> pin(Mfn table, unsigned level, const MapRights& rights);
    Result<Unit> unpin(Mfn table, DomId owner);

    // Writes one entry of a validated table. inval: not a table; perm: hypervisor's slot; busy or
    // inval: the target may not be mapped so.
    Result<Unit> write(EntryPlace place, Pte entry, WriteKind kind, const MapRights& rights);

    // The same, only if the entry still is `expected`: false when it is not, and nothing was
    // changed.
    Result<bool> exchange(EntryPlace place, Pte expected, Pte entry, const MapRights& rights);

    // Where the level-1 entry of `va` is, below the L4 `root`.
    Result<EntryPlace> find(Mfn root, std::uint64_t va) const;
    Pte read(EntryPlace place) const;

    // Validated segment descriptors (set_gdt, set_ldt): present ones are made ring 3, or refused.
    Result<Unit> get_descriptors(Mfn mfn, DomId owner);
    void put_descriptors(Mfn mfn);

  private:
    Result<Unit> validate(Mfn table, unsigned level, const MapRights& rights);
    void invalidate(Mfn table, unsigned level, unsigned end);
    Result<Unit> acquire(Pte entry, Mfn table, unsigned level, const MapRights& rights);
    Result<Unit> acquire_page(Pte entry, const MapRights& rights);
    void drop(Pte entry, Mfn table, unsigned level);
    bool is_shown(Mfn mfn) const;
    bool io_is_forbidden(Mfn mfn) const;

    Memory& memory_;
    std::array<std::uint64_t, 16> hypervisor_slots_{};
    std::array<Mfn, 8> forbidden_{};
    unsigned forbidden_count_{};
    Mfn shown_{};
    std::uint64_t shown_count_{};
    std::uint64_t machine_frames_{std::uint64_t{1} << 40};
};

} // namespace zocalo::hv
