// SPDX-License-Identifier: Apache-2.0
// GrantTable: the pages a domain lets others use (xen/grant_table.h, version 1). The entries lie in
// frames shared with the domain, which may change them at any moment; what is in use right now is
// kept beside them, where it cannot. A pin is one use: while there is any, the entry says so
// (GTF_reading, GTF_writing), the frame stays allocated, and a page that somebody may write to does
// not become a page table. It knows neither mappings (map_track.hpp) nor guest addresses. Under the
// system lock.
#pragma once

#include "hypervisor-core/grant/grant_status.hpp"
#include "hypervisor-core/mm/memory.hpp"

#include <array>

namespace zocalo::hv {

enum class GrantAccess : bool { read, write };

class GrantTable {
  public:
    static constexpr unsigned kMaxFrames = 64;
    static constexpr unsigned kPerFrame = kPageSize / sizeof(grant_entry_v1_t);

    // Whose table it is, and how many frames it may have (at most kMaxFrames).
    void start(DomId owner, unsigned limit);

    DomId owner() const { return owner_; }
    unsigned limit() const { return limit_; }
    unsigned frames() const { return count_; }
    Mfn frame(unsigned index) const { return shared_[index]; }
    std::uint32_t entries() const { return count_ * kPerFrame; }
    // At least `frames` frames; nospc above the limit, nomem.
    Result<Unit> grow(Memory& memory, unsigned frames);

    // One use of `ref` by `peer`; the frame that was granted. bad_gntref: no such entry;
    // general_error: it does not permit this, or its frame is not the owner's to give.
    GrantResult<Mfn> pin(Memory& memory, GrantRef ref, DomId peer, GrantAccess access);
    // The end of that use. The last one allows the owner to change the entry.
    void unpin(Memory& memory, GrantRef ref, GrantAccess access);
    // The frame of an entry that is pinned.
    Mfn pinned_frame(GrantRef ref) const { return Mfn{active(ref).frame}; }

    // GNTTABOP_swap_grant_ref: exchanges two entries nobody uses.
    GrantStatus swap(GrantRef a, GrantRef b);

    // Entries that are in use: while there are any, the table must stay.
    std::uint32_t in_use() const { return in_use_; }
    // Gives all frames back; only when nothing is in use.
    void release(Memory& memory);

  private:
    struct Active {
        std::uint32_t frame{};
        DomId peer{};
        std::uint32_t readers{};
        std::uint32_t writers{};
    };
    static constexpr unsigned kActiveOrder = 1;
    static_assert(sizeof(Active) * kPerFrame == kPageSize << kActiveOrder);

    Active& active(GrantRef ref) { return active_[ref.value / kPerFrame][ref.value % kPerFrame]; }
    const Active& active(GrantRef ref) const
    {
        return active_[ref.value / kPerFrame][ref.value % kPerFrame];
    }
    grant_entry_v1_t& shared(GrantRef ref) const;
    GrantStatus take_frame(Memory& memory, GrantRef ref, Active& use, GrantAccess access);

    DomId owner_{};
    unsigned limit_{};
    unsigned count_{};
    std::uint32_t in_use_{};
    std::array<Mfn, kMaxFrames> shared_{};
    std::array<Active*, kMaxFrames> active_{};
};

} // namespace zocalo::hv
