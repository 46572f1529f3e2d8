// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/grant/grant_entry.hpp"

#include <atomic>
#include <cstddef>

namespace zocalo::hv {
namespace {

// How often the owner may change an entry under our hands before we give up on it.
constexpr unsigned kPatience = 4;

// Flags and domain of an entry change together, or the owner could swap one after the other was
// checked: they are one word here. Flags are the low half.
constexpr unsigned kDomainShift = 16;
static_assert(offsetof(grant_entry_v1_t, flags) == 0 && offsetof(grant_entry_v1_t, domid) == 2);
static_assert(
    offsetof(grant_entry_header_t, flags) == 0 && offsetof(grant_entry_header_t, domid) == 2
);

template <class T> std::atomic_ref<T> shared(T* word)
{
    return std::atomic_ref<T>{*word};
}

} // namespace

GrantEntry::GrantEntry(grant_entry_v1_t& entry)
    : head_{reinterpret_cast<std::uint32_t*>(&entry)}, frame_v1_{&entry.frame}
{
}

GrantEntry::GrantEntry(grant_entry_v2_t& entry, grant_status_t& status)
    : head_{reinterpret_cast<std::uint32_t*>(&entry)}, frame_v2_{&entry.full_page.frame},
      status_{&status}
{
}

// Parts of pages and grants of grants are version 2's; nobody may use those.
bool GrantEntry::permits(std::uint32_t head, DomId peer, GrantAccess access) const
{
    return (head & GTF_type_mask) == GTF_permit_access && head >> kDomainShift == peer.value &&
           (access == GrantAccess::read || (head & GTF_readonly) == 0) &&
           (status_ == nullptr || (head & GTF_sub_page) == 0);
}

GrantStatus GrantEntry::mark_in_flags(DomId peer, GrantAccess access, std::uint32_t bits) const
{
    std::uint32_t seen = shared(head_).load(std::memory_order_acquire);
    for (unsigned attempt = 0; attempt < kPatience; ++attempt) {
        if (!permits(seen, peer, access))
            return GrantStatus::general_error;
        if (shared(head_).compare_exchange_strong(seen, seen | bits))
            return GrantStatus::okay;
    }
    return GrantStatus::general_error;
}

// Nothing ties the two words together: who changes the entry looks at the status afterwards, we
// set the status and look at the entry afterwards; one of the two sees the other.
GrantStatus GrantEntry::mark_in_status(DomId peer, GrantAccess access, std::uint32_t bits) const
{
    for (unsigned attempt = 0; attempt < kPatience; ++attempt) {
        const std::uint32_t seen = shared(head_).load(std::memory_order_acquire);
        if (!permits(seen, peer, access))
            return GrantStatus::general_error;
        shared(status_).fetch_or(static_cast<grant_status_t>(bits));
        if (shared(head_).load() == seen)
            return GrantStatus::okay;
        mark_unused(bits);
    }
    return GrantStatus::general_error;
}

GrantStatus GrantEntry::mark_used(DomId peer, GrantAccess access, std::uint32_t bits) const
{
    return status_ == nullptr ? mark_in_flags(peer, access, bits)
                              : mark_in_status(peer, access, bits);
}

void GrantEntry::mark_unused(std::uint32_t bits) const
{
    if (status_ == nullptr)
        shared(head_).fetch_and(~bits, std::memory_order_release);
    else
        shared(status_).fetch_and(static_cast<grant_status_t>(~bits), std::memory_order_release);
}

std::uint64_t GrantEntry::frame() const
{
    return frame_v1_ != nullptr ? shared(frame_v1_).load(std::memory_order_relaxed)
                                : shared(frame_v2_).load(std::memory_order_relaxed);
}

} // namespace zocalo::hv
