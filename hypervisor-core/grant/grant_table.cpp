// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/grant/grant_table.hpp"

#include "hypervisor-core/hal/memory.hpp"

#include <algorithm>
#include <new>

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kMostUses = 1 << 24;

// The one of the things in those frames that belongs to an entry.
template <class T, std::size_t N> T& in_frames(const std::array<Mfn, N>& frames, GrantRef ref)
{
    constexpr unsigned kEach = kPageSize / sizeof(T);
    return reinterpret_cast<T*>(hal::frame_bytes(frames[ref.value / kEach]))[ref.value % kEach];
}

} // namespace

void GrantTable::start(DomId owner, unsigned limit, unsigned newest)
{
    owner_ = owner;
    limit_ = std::min(limit, kMaxFrames);
    newest_ = newest;
}

grant_entry_v1_t& GrantTable::entry_v1(GrantRef ref) const
{
    return in_frames<grant_entry_v1_t>(shared_, ref);
}

grant_entry_v2_t& GrantTable::entry_v2(GrantRef ref) const
{
    return in_frames<grant_entry_v2_t>(shared_, ref);
}

grant_status_t& GrantTable::status_of(GrantRef ref) const
{
    return in_frames<grant_status_t>(status_, ref);
}

GrantEntry GrantTable::entry(GrantRef ref) const
{
    return version_ == 1 ? GrantEntry{entry_v1(ref)} : GrantEntry{entry_v2(ref), status_of(ref)};
}

Result<Unit> GrantTable::grow(Memory& memory, unsigned frames)
{
    if (frames > limit_)
        return Errno::nospc;
    while (count_ < frames) {
        if (version_ != 1)
            TRY(lend_status(memory, status_needed(count_ + 1)));
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
        const Mfn granted{entry(ref).frame()}; // read once: the owner may write it at any time
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
        const std::uint32_t bits = first ? status_bits(access) : std::uint32_t{GTF_writing};
        const GrantEntry used = entry(ref);
        if (const auto marked = used.mark_used(peer, access, bits); marked != GrantStatus::okay)
            return marked;
        if (const auto taken = take_frame(memory, ref, use, access); taken != GrantStatus::okay) {
            used.mark_unused(bits);
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
        entry(ref).mark_unused(over);
}

GrantStatus GrantTable::swap(GrantRef a, GrantRef b)
{
    if (a.value >= entries() || b.value >= entries())
        return GrantStatus::bad_gntref;
    for (const GrantRef ref : {a, b})
        if (active(ref).readers + active(ref).writers != 0)
            return GrantStatus::general_error;
    if (version_ == 1)
        std::swap(entry_v1(a), entry_v1(b));
    else
        std::swap(entry_v2(a), entry_v2(b));
    return GrantStatus::okay;
}

void GrantTable::release(Memory& memory)
{
    while (status_count_ > 0)
        memory.put(status_[--status_count_]);
    while (count_ > 0) {
        --count_;
        const auto uses = reinterpret_cast<std::uintptr_t>(active_[count_]) - hal::direct_map;
        memory.free(Mfn{uses >> kPageShift}, kActiveOrder);
        memory.put(shared_[count_]);
    }
}

} // namespace zocalo::hv
