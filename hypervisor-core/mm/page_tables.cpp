// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/page_tables.hpp"

#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/mm/descriptor.hpp"

#include <atomic>

namespace zocalo::hv {
namespace {

constexpr unsigned kEntries = 512;
constexpr unsigned kFirstHypervisorSlot = 256;
constexpr unsigned kEndHypervisorSlot = 272;

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

// The first slot from `slot` on whose entry is present, or `end`. Tables are mostly empty, and
// every fork and exit of the guest goes through all of several: so eight at a time.
unsigned next_present(std::span<const std::uint64_t, 512> entries, unsigned slot, unsigned end)
{
    constexpr unsigned kStep = 8;
    for (; slot < end; ++slot) {
        const std::uint64_t* const at = &entries[slot];
        if (slot % kStep == 0 && slot + kStep <= end &&
            ((at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7]) & Pte::kPresent) == 0)
            slot += kStep - 1;
        else if ((at[0] & Pte::kPresent) != 0)
            break;
    }
    return slot < end ? slot : end;
}

// A table above level 1 that names itself, read-only: some kernels find all their tables in the
// range that this makes. It shows tables to the guest, but lets nobody write to them; it is not
// counted.
constexpr bool is_linear(Pte entry, Mfn table, unsigned level)
{
    return level > 1 && entry.mfn() == table && !entry.writable() && (entry.raw & Pte::kLarge) == 0;
}

unsigned level_of(const FrameInfo& frame)
{
    if (frame.type_refs == 0 || frame.type < FrameType::l1 || frame.type > FrameType::l4)
        return 0;
    return static_cast<unsigned>(frame.type) - static_cast<unsigned>(FrameType::l1) + 1;
}

} // namespace

void PageTables::set_hypervisor_slots(std::span<const std::uint64_t, 16> slots)
{
    for (std::size_t i = 0; i < hypervisor_slots_.size(); ++i)
        hypervisor_slots_[i] = slots[i];
}

void PageTables::forbid_io(Mfn mfn)
{
    if (forbidden_count_ < forbidden_.size())
        forbidden_[forbidden_count_++] = mfn;
}

bool PageTables::io_is_forbidden(Mfn mfn) const
{
    for (unsigned i = 0; i < forbidden_count_; ++i)
        if (forbidden_[i] == mfn)
            return true;
    return mfn.value >= machine_frames_;
}

bool PageTables::is_shown(Mfn mfn) const
{
    return mfn.value >= shown_.value && mfn.value - shown_.value < shown_count_;
}

Result<Unit> PageTables::acquire_page(Pte entry, const MapRights& rights)
{
    const Mfn mfn = entry.mfn();
    FrameTable& frames = memory_.frames();
    if (!frames.is_ram(mfn)) {
        if (!rights.io || io_is_forbidden(mfn))
            return Errno::perm;
        return Unit{};
    }
    if (rights.pages == kOwnerHypervisor && (entry.writable() || !is_shown(mfn)))
        return Errno::perm;
    TRY(frames.get(mfn, rights.pages));
    if (!entry.writable())
        return Unit{};
    if (const auto writable = frames.get_writable(mfn); !writable) {
        memory_.put(mfn);
        return writable.error();
    }
    return Unit{};
}

Result<Unit> PageTables::acquire(Pte entry, Mfn table, unsigned level, const MapRights& rights)
{
    if (!entry.present() || is_linear(entry, table, level))
        return Unit{};
    if (level == 1)
        return acquire_page(entry, rights);
    if ((entry.raw & Pte::kLarge) != 0)
        return Errno::inval;
    return get_table(entry.mfn(), level - 1, rights);
}

void PageTables::drop(Pte entry, Mfn table, unsigned level)
{
    if (!entry.present() || is_linear(entry, table, level))
        return;
    if (level > 1) {
        put_table(entry.mfn(), level - 1);
        return;
    }
    if (!memory_.frames().is_ram(entry.mfn()))
        return;
    if (entry.writable())
        memory_.frames().put_writable(entry.mfn());
    memory_.put(entry.mfn());
}

void PageTables::invalidate(Mfn table, unsigned level, unsigned end)
{
    const auto entries = hal::table_entries(table);
    for (unsigned slot = next_present(entries, 0, end); slot < end;
         slot = next_present(entries, slot + 1, end))
        if (is_guest_slot(level, slot))
            drop(Pte{entries[slot]}, table, level);
}

Result<Unit> PageTables::validate(Mfn table, unsigned level, const MapRights& rights)
{
    const auto entries = hal::table_entries(table);
    // New contents may only point at the owner's own pages: nothing foreign was checked for it.
    const MapRights own{rights.tables, rights.tables, rights.io};
    for (unsigned slot = next_present(entries, 0, kEntries); slot < kEntries;
         slot = next_present(entries, slot + 1, kEntries)) {
        if (!is_guest_slot(level, slot))
            continue;
        const Pte entry = as_mapped(Pte{entries[slot]}, level);
        if (const auto taken = acquire(entry, table, level, own); !taken) {
            invalidate(table, level, slot);
            return taken.error();
        }
        if (entry.raw != entries[slot])
            entries[slot] = entry.raw;
    }
    if (level == 4)
        for (unsigned i = 0; i < hypervisor_slots_.size(); ++i)
            entries[kFirstHypervisorSlot + i] = hypervisor_slots_[i];
    return Unit{};
}

Result<Unit> PageTables::get_table(Mfn table, unsigned level, const MapRights& rights)
{
    FrameTable& frames = memory_.frames();
    TRY(frames.get(table, rights.tables));
    const FrameType type = table_type(level);
    if (frames.share_type(table, type))
        return Unit{};
    auto begun = frames.begin_type(table, type);
    if (begun) {
        begun = validate(table, level, rights);
        if (!begun)
            frames.put_type(table);
    }
    if (!begun) {
        memory_.put(table);
        return begun.error();
    }
    return Unit{};
}

void PageTables::put_table(Mfn table, unsigned level)
{
    FrameTable& frames = memory_.frames();
    // Entries go while the frame still has its type: nothing can write to them meanwhile.
    if (frames[table].type_refs == 1)
        invalidate(table, level, kEntries);
    frames.put_type(table);
    memory_.put(table);
}

Result<Unit> PageTables::pin(Mfn table, unsigned level, const MapRights& rights)
{
    TRY(get_table(table, level, rights));
    FrameInfo& frame = memory_.frames()[table];
    if (frame.has(FrameInfo::pinned)) {
        put_table(table, level);
        return Errno::inval;
    }
    frame.set(FrameInfo::pinned);
    return Unit{};
}

Result<Unit> PageTables::unpin(Mfn table, DomId owner)
{
    FrameTable& frames = memory_.frames();
    if (!frames.contains(table) || frames[table].owner != owner ||
        !frames[table].has(FrameInfo::pinned))
        return Errno::inval;
    frames[table].clear(FrameInfo::pinned);
    put_table(table, level_of(frames[table]));
    return Unit{};
}

Result<Unit>
PageTables::write(EntryPlace place, Pte wanted, WriteKind kind, const MapRights& rights)
{
    const unsigned level = level_of(memory_.frames()[place.table]);
    if (level == 0)
        return Errno::inval;
    if (!is_guest_slot(level, place.slot))
        return Errno::perm;
    std::atomic_ref<std::uint64_t> entry{hal::table_entries(place.table)[place.slot]};
    Pte old{entry.load(std::memory_order_relaxed)};
    const Pte target = as_mapped(wanted, level);
    const bool moves = !same_target(old, target, level);
    if (moves)
        TRY(acquire(target, place.table, level, rights));
    if (kind == WriteKind::keep_accessed_dirty) {
        constexpr std::uint64_t kKept = Pte::kAccessed | Pte::kDirty;
        // Only the processor changes it meanwhile, and only these bits.
        while (!entry.compare_exchange_weak(old.raw, target.raw | (old.raw & kKept)))
            ;
    } else {
        entry.store(target.raw, std::memory_order_relaxed);
    }
    if (moves)
        drop(old, place.table, level);
    return Unit{};
}

Result<bool>
PageTables::exchange(EntryPlace place, Pte expected, Pte wanted, const MapRights& rights)
{
    const unsigned level = level_of(memory_.frames()[place.table]);
    if (level == 0)
        return Errno::inval;
    if (!is_guest_slot(level, place.slot))
        return Errno::perm;
    const Pte target = as_mapped(wanted, level);
    const bool moves = !same_target(expected, target, level);
    if (moves)
        TRY(acquire(target, place.table, level, rights));
    std::atomic_ref<std::uint64_t> entry{hal::table_entries(place.table)[place.slot]};
    std::uint64_t seen = expected.raw;
    const bool done = entry.compare_exchange_strong(seen, target.raw);
    if (moves)
        drop(done ? expected : target, place.table, level);
    return done;
}

Result<EntryPlace> PageTables::find(Mfn root, std::uint64_t va) const
{
    constexpr std::uint64_t kCanonicalBits = 47;
    const std::uint64_t top = va >> kCanonicalBits;
    if ((top != 0 && top != 0x1ffff) || !is_guest_slot(4, table_slot(va, 4)))
        return Errno::inval;
    Mfn table = root;
    for (unsigned level = 4; level > 1; --level) {
        const Pte entry{hal::table_entries(table)[table_slot(va, level)]};
        if (!entry.present())
            return Errno::inval;
        table = entry.mfn();
    }
    if (memory_.frames()[table].type != FrameType::l1) // in the range of a linear table
        return Errno::inval;
    return EntryPlace{table, table_slot(va, 1)};
}

Pte PageTables::read(EntryPlace place) const
{
    return Pte{hal::table_entries(place.table)[place.slot]};
}

Result<Unit> PageTables::get_descriptors(Mfn mfn, DomId owner)
{
    FrameTable& frames = memory_.frames();
    TRY(frames.get(mfn, owner));
    if (frames.share_type(mfn, FrameType::descriptors))
        return Unit{};
    auto begun = frames.begin_type(mfn, FrameType::descriptors);
    if (begun) {
        for (std::uint64_t& descriptor : hal::table_entries(mfn)) {
            const auto checked = check_descriptor(descriptor);
            if (!checked) {
                frames.put_type(mfn);
                begun = checked.error();
                break;
            }
            descriptor = *checked;
        }
    }
    if (!begun) {
        memory_.put(mfn);
        return begun.error();
    }
    return Unit{};
}

void PageTables::put_descriptors(Mfn mfn)
{
    memory_.frames().put_type(mfn);
    memory_.put(mfn);
}

} // namespace zocalo::hv
