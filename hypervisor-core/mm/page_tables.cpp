// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/page_tables.hpp"

#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/mm/table_entry.hpp"

#include <algorithm>
#include <atomic>

namespace zocalo::hv {

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
        const bool given = rights.io || (rights.io_ranges != nullptr &&
                                         rights.io_ranges->covers(mfn.value, mfn.value));
        if (!given || io_is_forbidden(mfn))
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

PageTables::Taken PageTables::acquire(Pte entry, Mfn table, unsigned level, const MapRights& rights)
{
    if (!entry.present() || is_linear(entry, table, level))
        return {};
    if (level > 1) {
        if ((entry.raw & Pte::kLarge) != 0)
            return {Use::refused, Errno::inval};
        return take(entry.mfn(), level - 1, rights);
    }
    const auto mapped = acquire_page(entry, rights);
    return mapped ? Taken{} : Taken{Use::refused, mapped.error()};
}

bool PageTables::drop(Pte entry, Mfn table, unsigned level)
{
    if (!entry.present() || is_linear(entry, table, level))
        return true;
    if (level > 1)
        return put(entry.mfn(), level - 1);
    if (!memory_.frames().is_ram(entry.mfn()))
        return true;
    if (entry.writable())
        memory_.frames().put_writable(entry.mfn());
    memory_.put(entry.mfn());
    return true;
}

bool PageTables::invalidate(Mfn table, unsigned level)
{
    FrameInfo& frame = memory_.frames()[table];
    if (!frame.has(FrameInfo::partial)) {
        frame.set(FrameInfo::partial);
        frame.stamp = kTableEntries;
    }
    if (patience_ == 0)
        return false;
    --patience_;
    const auto entries = hal::table_entries(table);
    for (unsigned end = last_present(entries, frame.stamp); end != 0;
         end = last_present(entries, end - 1))
        if (is_guest_slot(level, end - 1) && !drop(Pte{entries[end - 1]}, table, level)) {
            frame.stamp = end;
            return false;
        }
    frame.clear(FrameInfo::partial);
    return true;
}

Result<Unit>
PageTables::go_on_with_last(Mfn table, unsigned level, unsigned held, const MapRights& rights)
{
    if (level == 1 || held == 0 || !is_guest_slot(level, held - 1))
        return Unit{};
    const Pte last{hal::table_entries(table)[held - 1]};
    if (!last.present() || is_linear(last, table, level) ||
        !memory_.frames()[last.mfn()].has(FrameInfo::partial))
        return Unit{};
    return validate(last.mfn(), level - 1, rights);
}

Result<Unit> PageTables::validate(Mfn table, unsigned level, const MapRights& rights)
{
    if (patience_ == 0)
        return Errno::again;
    --patience_;
    FrameInfo& frame = memory_.frames()[table];
    const auto entries = hal::table_entries(table);
    // New contents may only point at the owner's own pages: nothing foreign was checked for it.
    const MapRights own{rights.tables, rights.tables, rights.io};
    TRY(go_on_with_last(table, level, frame.stamp, own));
    for (unsigned slot = next_present(entries, frame.stamp); slot < kTableEntries;
         slot = next_present(entries, slot + 1)) {
        if (!is_guest_slot(level, slot))
            continue;
        const Pte entry = as_mapped(Pte{entries[slot]}, level);
        const Taken taken = acquire(entry, table, level, own);
        if (taken.use != Use::refused && entry.raw != entries[slot])
            entries[slot] = entry.raw;
        if (taken.use != Use::had) {
            frame.stamp = taken.use == Use::begun ? slot + 1 : slot;
            return taken.why;
        }
    }
    if (level == 4)
        for (unsigned i = 0; i < hypervisor_slots_.size(); ++i)
            entries[kFirstHypervisorSlot + i] = hypervisor_slots_[i];
    frame.clear(FrameInfo::partial);
    return Unit{};
}

// The caller has taken a reference.
PageTables::Taken PageTables::take_partial(Mfn table, unsigned level, const MapRights& rights)
{
    FrameInfo& frame = memory_.frames()[table];
    const bool ours = frame.has(FrameInfo::ownerless);
    if (ours) {
        frame.clear(FrameInfo::ownerless);
        memory_.put(table);
    }
    const auto valid = validate(table, level, rights);
    if (ours)
        return valid ? Taken{} : Taken{Use::begun, valid.error()};
    const auto use = valid ? memory_.frames().share_type(table, frame.type) : valid;
    if (use)
        return {};
    memory_.put(table);
    return {Use::refused, use.error()};
}

PageTables::Taken PageTables::take(Mfn table, unsigned level, const MapRights& rights)
{
    FrameTable& frames = memory_.frames();
    if (const auto got = frames.get(table, rights.tables); !got)
        return {Use::refused, got.error()};
    const FrameType type = table_type(level);
    FrameInfo& frame = frames[table];
    if (frame.has(FrameInfo::partial) && frame.type == type)
        return take_partial(table, level, rights);
    if (frames.share_type(table, type))
        return {};
    if (const auto begun = frames.begin_type(table, type); !begun) {
        memory_.put(table);
        return {Use::refused, begun.error()};
    }
    frame.set(FrameInfo::partial);
    frame.stamp = 0;
    const auto valid = validate(table, level, rights);
    return valid ? Taken{} : Taken{Use::begun, valid.error()};
}

bool PageTables::put(Mfn table, unsigned level)
{
    FrameTable& frames = memory_.frames();
    // Entries go while the frame still has its type: nothing can write to them meanwhile.
    if (frames[table].type_refs == 1 && !invalidate(table, level))
        return false;
    frames.put_type(table);
    memory_.put(table);
    return true;
}

void PageTables::leave(Mfn table)
{
    while (leftover_ != Mfn{} && !finish(leftover_))
        ; // two from one call: nobody asked for the first one
    memory_.frames()[table].set(FrameInfo::ownerless);
    leftover_ = table;
}

void PageTables::give_up(Mfn table, unsigned level, Errno why)
{
    if (why == Errno::again) {
        memory_.frames()[table].set(FrameInfo::ownerless);
        begun_ = table;
    } else if (!put(table, level))
        leave(table);
}

bool PageTables::finish(Mfn table)
{
    FrameInfo& frame = memory_.frames()[table];
    if (!frame.has(FrameInfo::ownerless)) // somebody uses it again, or has ended it
        return true;
    refill();
    frame.clear(FrameInfo::ownerless);
    if (put(table, frame.table_level()))
        return true;
    frame.set(FrameInfo::ownerless);
    return false;
}

Result<Unit> PageTables::get_table(Mfn table, unsigned level, const MapRights& rights)
{
    patience_ = std::max(patience_, kLeastWork);
    const Taken taken = take(table, level, rights);
    if (taken.use == Use::had)
        return Unit{};
    if (taken.use == Use::begun)
        give_up(table, level, taken.why);
    return taken.why;
}

void PageTables::put_table(Mfn table, unsigned level)
{
    patience_ = std::max(patience_, kLeastWork);
    if (!put(table, level))
        leave(table);
}

Result<Unit> PageTables::pin(Mfn table, unsigned level, const MapRights& rights)
{
    FrameTable& frames = memory_.frames();
    patience_ = std::max(patience_, kLeastWork);
    if (!frames.contains(table))
        return Errno::inval;
    FrameInfo& frame = frames[table];
    const bool goes_on = frame.owner == rights.tables && frame.type == table_type(level) &&
                         frame.has(FrameInfo::pinned) && frame.has(FrameInfo::partial);
    Taken taken;
    if (goes_on) {
        if (const auto valid = validate(table, level, rights); !valid)
            taken = {Use::begun, valid.error()};
    } else {
        taken = take(table, level, rights);
        if (taken.use == Use::had && frame.has(FrameInfo::pinned)) {
            put_table(table, level);
            return Errno::inval;
        }
    }
    if (taken.use == Use::refused)
        return taken.why;
    if (taken.use == Use::had || taken.why == Errno::again) { // a pin that is not yet through
        frame.set(FrameInfo::pinned);
        if (taken.use == Use::had)
            return Unit{};
        begun_ = table;
        return taken.why;
    }
    frame.clear(FrameInfo::pinned);
    give_up(table, level, taken.why);
    return taken.why;
}

Result<Unit> PageTables::unpin(Mfn table, DomId owner)
{
    FrameTable& frames = memory_.frames();
    if (!frames.contains(table) || frames[table].owner != owner ||
        !frames[table].has(FrameInfo::pinned))
        return Errno::inval;
    frames[table].clear(FrameInfo::pinned);
    put_table(table, frames[table].table_level());
    return Unit{};
}

void PageTables::let_go(Mfn mfn)
{
    const FrameInfo& frame = memory_.frames()[mfn];
    if (frame.has(FrameInfo::pinned))
        static_cast<void>(unpin(mfn, frame.owner));
    else if (!finish(mfn))
        leave(mfn);
}

Result<Unit>
PageTables::write(EntryPlace place, Pte wanted, WriteKind kind, const MapRights& rights)
{
    patience_ = std::max(patience_, kLeastWork);
    const FrameInfo& frame = memory_.frames()[place.table];
    const unsigned level = frame.table_level();
    if (level == 0)
        return Errno::inval;
    if (frame.has(FrameInfo::partial)) // another vCPU makes it a table, or ends it, just now
        return Errno::busy;
    if (!is_guest_slot(level, place.slot))
        return Errno::perm;
    std::atomic_ref<std::uint64_t> entry{hal::table_entries(place.table)[place.slot]};
    Pte old{entry.load(std::memory_order_relaxed)};
    const Pte target = as_mapped(wanted, level);
    const bool moves = !same_target(old, target, level);
    if (moves) {
        const Taken taken = acquire(target, place.table, level, rights);
        if (taken.use == Use::begun)
            give_up(target.mfn(), level - 1, taken.why);
        if (taken.use != Use::had)
            return taken.why;
    }
    if (kind == WriteKind::keep_accessed_dirty) {
        constexpr std::uint64_t kKept = Pte::kAccessed | Pte::kDirty;
        // Only the processor changes it meanwhile, and only these bits.
        while (!entry.compare_exchange_weak(old.raw, target.raw | (old.raw & kKept)))
            ;
    } else {
        entry.store(target.raw, std::memory_order_relaxed);
    }
    if (moves && !drop(old, place.table, level))
        leave(old.mfn());
    return Unit{};
}

Result<bool>
PageTables::exchange(EntryPlace place, Pte expected, Pte wanted, const MapRights& rights)
{
    constexpr unsigned kLevel = 1;
    if (memory_.frames()[place.table].table_level() != kLevel)
        return Errno::inval;
    if (memory_.frames()[place.table].has(FrameInfo::partial))
        return Errno::busy;
    const Pte target = as_mapped(wanted, kLevel);
    const bool moves = !same_target(expected, target, kLevel);
    if (moves && target.present())
        TRY(acquire_page(target, rights));
    std::atomic_ref<std::uint64_t> entry{hal::table_entries(place.table)[place.slot]};
    std::uint64_t seen = expected.raw;
    const bool done = entry.compare_exchange_strong(seen, target.raw);
    if (moves)
        drop(done ? expected : target, place.table, kLevel);
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

} // namespace zocalo::hv
