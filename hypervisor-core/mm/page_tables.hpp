// SPDX-License-Identifier: Apache-2.0
// PageTables: what a PV guest may put into its page tables. A table is checked as a whole when it
// gets its type, and entry by entry afterwards; each present entry holds references to what it
// points at, so that the counts in FrameTable describe all mappings there are. Xen's rules for
// direct paging (public interface: MMU_*, MMUEXT_* in xen/xen.h). It knows no vCPUs.
//
// A tree of tables can hold all memory a guest has, so no call goes through more than a few dozen
// of them. One that is interrupted while it validates leaves the tables on its way `partial`
// (FrameInfo) and says Errno::again, which no guest sees: the same call made again goes on there.
// One that is interrupted while it ends tables says so by take_leftover(): finish() is to be called
// until it is true, before the guest's vCPU that caused it goes on.
#pragma once

#include "hypervisor-core/mm/io_ranges.hpp"
#include "hypervisor-core/mm/memory.hpp"
#include "hypervisor-core/mm/pte.hpp"

#include <array>
#include <utility>

namespace zocalo::hv {

constexpr FrameType table_type(unsigned level)
{
    return static_cast<FrameType>(static_cast<unsigned>(FrameType::l1) + level - 1);
}

// In whose name an entry is written.
struct MapRights {
    DomId tables;                // the owner of the tables: what levels 2 to 4 may point at
    DomId pages;                 // the owner of the pages that level 1 may map
    bool io{};                   // may map all that is not RAM
    const IoRanges* io_ranges{}; // else what of it, if any
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

    // A call may go through so many tables; each is at most 512 entries.
    static constexpr unsigned kWorkOfACall = 64;
    void refill() { patience_ = kWorkOfACall; }
    // Enough for one hypercall: the rest is for when it is called again.
    bool wants_a_rest() const { return leftover_ != Mfn{} || patience_ < kLeastWork; }
    // The table whose end was interrupted, or frame 0; the caller sees to it (finish) from now on.
    Mfn take_leftover() { return std::exchange(leftover_, Mfn{}); }
    bool has_leftover() const { return leftover_ != Mfn{}; }
    // The table that an interrupted call left partial and nobody's, or frame 0: whoever ends that
    // call otherwise than by going on sees to it with finish().
    Mfn take_begun() { return std::exchange(begun_, Mfn{}); }
    // Goes on with the end of such a table. Whether it is over.
    [[nodiscard]] bool finish(Mfn table);

    // A use of `table` as a table of `level` by `rights.tables`, which validates it if it is the
    // first.
    Result<Unit> get_table(Mfn table, unsigned level, const MapRights& rights);
    void put_table(Mfn table, unsigned level);

    // MMUEXT_PIN_Ln_TABLE, MMUEXT_UNPIN_TABLE: the guest's own use of a table.
    Result<Unit> pin(Mfn table, unsigned level, const MapRights& rights);
    Result<Unit> unpin(Mfn table, DomId owner);
    // The owner gives the frame back: ends its pin, and a validation nobody came back for.
    void let_go(Mfn mfn);

    // Writes one entry of a validated table. inval: not a table; perm: hypervisor's slot; busy or
    // inval: the target may not be mapped so; busy as well while the table is partial.
    Result<Unit> write(EntryPlace place, Pte entry, WriteKind kind, const MapRights& rights);

    // The same in a table of level 1, only if the entry still is `expected`: false when it is not,
    // and nothing was changed.
    Result<bool> exchange(EntryPlace place, Pte expected, Pte entry, const MapRights& rights);

    // Where the level-1 entry of `va` is, below the L4 `root`.
    Result<EntryPlace> find(Mfn root, std::uint64_t va) const;
    Pte read(EntryPlace place) const;

  private:
    // What became of a use that was asked for. begun: it is held, but the table is partial, since
    // it took too long or because of an entry that is refused (`why`).
    enum class Use : std::uint8_t { had, begun, refused };
    struct Taken {
        Use use{Use::had};
        Errno why{};
    };
    // A call that starts with little left may do this much: more than the tables on one way down.
    static constexpr unsigned kLeastWork = 8;

    Taken take(Mfn table, unsigned level, const MapRights& rights);
    Taken take_partial(Mfn table, unsigned level, const MapRights& rights);
    Taken acquire(Pte entry, Mfn table, unsigned level, const MapRights& rights);
    Result<Unit> acquire_page(Pte entry, const MapRights& rights);
    Result<Unit> validate(Mfn table, unsigned level, const MapRights& rights);
    // The last of the `held` entries may name a table that is partial itself.
    Result<Unit> go_on_with_last(Mfn table, unsigned level, unsigned held, const MapRights& rights);
    // These three say whether it is over; if not, the table is partial and still has its use.
    bool put(Mfn table, unsigned level);
    bool invalidate(Mfn table, unsigned level);
    bool drop(Pte entry, Mfn table, unsigned level);
    void give_up(Mfn table, unsigned level, Errno why);
    void leave(Mfn table);
    bool is_shown(Mfn mfn) const;
    bool io_is_forbidden(Mfn mfn) const;

    Memory& memory_;
    std::array<std::uint64_t, 16> hypervisor_slots_{};
    std::array<Mfn, 8> forbidden_{};
    unsigned forbidden_count_{};
    Mfn shown_{};
    std::uint64_t shown_count_{};
    std::uint64_t machine_frames_{std::uint64_t{1} << 40};
    unsigned patience_{kWorkOfACall}; // tables that may be gone through until the call ends
    Mfn leftover_{};
    Mfn begun_{};
};

} // namespace zocalo::hv
