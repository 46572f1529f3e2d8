// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/grant/grant_table.hpp"

#include "hypervisor-core/hal/memory.hpp"

#include <algorithm>
#include <atomic>
#include <new>

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kMostUses = 1 << 24;
// How often the owner may change an entry under our hands before we give up on it.
constexpr unsigned kPatience = 4;

// Flags and domain of an entry change together, or the owner could swap one after the other was
// checked: they are one word here. Flags are the low half.
constexpr unsigned kDomainShift = 16;
static_assert(offsetof(grant_entry_v1_t, flags) == 0 && offsetof(grant_entry_v1_t, domid) == 2);

std::atomic_ref<std::uint32_t> status_word(grant_entry_v1_t& entry)
{
    return std::atomic_ref<std::uint32_t>{*reinterpret_cast<std::uint32_t*>(&entry)};
}

constexpr std::uint32_t status_bits(GrantAccess access)
{
    return access == GrantAccess::write ? GTF_reading | GTF_writing : GTF_reading;
}

// Says in the entry that it is used, if it permits that use to `peer`.
GrantStatus mark_used(grant_entry_v1_t& entry, DomId peer, GrantAccess access)
{
    const auto word = status_word(entry);
    std::uint32_t seen = word.load(std::memory_order_acquire);
    for (unsigned attempt = 0; attempt < kPatience; ++attempt) {
        const bool permits = (seen & GTF_type_mask) == GTF_permit_access &&
                             seen >> kDomainShift == peer.value &&
                             (access == GrantAccess::read || (seen & GTF_readonly) == 0);
        if (!permits)
            return GrantStatus::general_error;
        if (word.compare_exchange_strong(seen, seen | status_bits(access)))
            return GrantStatus::okay;
    }
    return GrantStatus::general_error;
}

void mark_unused(grant_entry_v1_t& entry, std::uint32_t bits)
{
    status_word(entry).fetch_and(~bits, std::memory_order_release);
}

} // namespace

void GrantTable::start(DomId owner, unsigned limit)
{
    owner_ = owner;
    limit_ = std::min(limit, kMaxFrames);
}

grant_entry_v1_t& GrantTable::shared(GrantRef ref) const
{
    auto* const entries =
        reinterpret_cast<grant_entry_v1_t*>(hal::frame_bytes(shared_[ref.value / kPerFrame]));
    return entries[ref.value % kPerFrame];
}

Result<Unit> GrantTable::grow(Memory& memory, unsigned frames)
{
    if (frames > limit_)
        return Errno::nospc;
    while (count_ < frames) {
        const Mfn uses = TRY(memory.allocate(kActiveOrder));
        const auto lent = memory.lend_to(owner_);
        if (!lent) {
            memory.free(uses, kActiveOrder);
            return lent.error();
        }
        shared_[count_] = *lent;
        active_[count_] = new (hal::frame_bytes(uses)) Active[kPerFrame];
        ++count_;
    }
    return Unit{};
}

// The status bits are set already; whatever fails here, the caller takes them back.
GrantStatus GrantTable::take_frame(Memory& memory, GrantRef ref, Active& use, GrantAccess access)
{
    FrameTable& frames = memory.frames();
    const bool first = use.readers + use.writers == 0;
    if (first) {
        // Read once: the owner may write it at any time.
        const Mfn granted{
            std::atomic_ref<std::uint32_t>{shared(ref).frame}.load(std::memory_order_relaxed)};
        if (!frames.is_ram(granted) || !frames.get(granted, owner_))
            return GrantStatus::general_error;
        use.frame = static_cast<std::uint32_t>(granted.value);
    }
    if (access == GrantAccess::write && use.writers == 0 && !frames.get_writable(Mfn{use.frame})) {
        if (first)
            memory.put(Mfn{use.frame});
        return GrantStatus::general_error;
    }
    return GrantStatus::okay;
}

GrantResult<Mfn> GrantTable::pin(Memory& memory, GrantRef ref, DomId peer, GrantAccess access)
{
    if (ref.value >= entries())
        return GrantStatus::bad_gntref;
    Active& use = active(ref);
    const bool first = use.readers + use.writers == 0;
    if (!first && (use.peer != peer || use.readers + use.writers >= kMostUses))
        return GrantStatus::general_error;
    const bool first_writer = access == GrantAccess::write && use.writers == 0;
    if (first || first_writer) {
        if (const auto marked = mark_used(shared(ref), peer, access); marked != GrantStatus::okay)
            return marked;
        if (const auto taken = take_frame(memory, ref, use, access); taken != GrantStatus::okay) {
            mark_unused(shared(ref), first ? status_bits(access) : std::uint32_t{GTF_writing});
            return taken;
        }
    }
    if (first) {
        use.peer = peer;
        ++in_use_;
    }
    ++(access == GrantAccess::write ? use.writers : use.readers);
    return Mfn{use.frame};
}

void GrantTable::unpin(Memory& memory, GrantRef ref, GrantAccess access)
{
    Active& use = active(ref);
    const Mfn mfn{use.frame};
    --(access == GrantAccess::write ? use.writers : use.readers);
    std::uint32_t over = 0;
    if (access == GrantAccess::write && use.writers == 0) {
        memory.frames().put_writable(mfn);
        over = GTF_writing;
    }
    if (use.readers + use.writers == 0) {
        use = Active{};
        --in_use_;
        memory.put(mfn);
        over |= GTF_reading;
    }
    if (over != 0)
        mark_unused(shared(ref), over);
}

GrantStatus GrantTable::swap(GrantRef a, GrantRef b)
{
    if (a.value >= entries() || b.value >= entries())
        return GrantStatus::bad_gntref;
    for (const GrantRef ref : {a, b})
        if (active(ref).readers + active(ref).writers != 0)
            return GrantStatus::general_error;
    std::swap(shared(a), shared(b));
    return GrantStatus::okay;
}

void GrantTable::release(Memory& memory)
{
    while (count_ > 0) {
        --count_;
        const auto uses = reinterpret_cast<std::uintptr_t>(active_[count_]) - hal::direct_map;
        memory.free(Mfn{uses >> kPageShift}, kActiveOrder);
        memory.put(shared_[count_]);
    }
}

} // namespace zocalo::hv
