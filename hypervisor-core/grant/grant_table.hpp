// SPDX-License-Identifier: Apache-2.0
// GrantTable: the pages a domain lets others use (xen/grant_table.h, versions 1 and 2). The entries
// lie in frames shared with the domain, which may change them at any moment; what is in use right
// now is kept beside them, where it cannot. A pin is one use: while there is any, the entry or its
// status says so (GTF_reading, GTF_writing), the frame stays allocated, and a page that somebody
// may write to does not become a page table. It knows neither mappings (map_track.hpp) nor guest
// addresses. Under the system lock.
#pragma once

#include "hypervisor-core/grant/grant_entry.hpp"
#include "hypervisor-core/mm/memory.hpp"

#include <array>

namespace zocalo::hv {

class GrantTable {
  public:
    static constexpr unsigned kMaxFrames = 64;
    static constexpr unsigned kPerFrame = kPageSize / sizeof(grant_entry_v1_t);
    static constexpr unsigned kPerFrameV2 = kPageSize / sizeof(grant_entry_v2_t);
    static constexpr unsigned kStatusPerFrame = kPageSize / sizeof(grant_status_t);
    static constexpr unsigned kMaxStatusFrames = kMaxFrames * kPerFrameV2 / kStatusPerFrame;
    static constexpr unsigned kNewest = 2;

    // Whose table it is, how many frames it may have (at most kMaxFrames), and up to which version
    // its owner may go; the first is 1.
    void start(DomId owner, unsigned limit, unsigned newest = kNewest);

    DomId owner() const { return owner_; }
    unsigned limit() const { return limit_; }
    unsigned frames() const { return count_; }
    Mfn frame(unsigned index) const { return shared_[index]; }
    std::uint32_t entries() const { return count_ * (version_ == 1 ? kPerFrame : kPerFrameV2); }
    unsigned version() const { return version_; }
    // GNTTABOP_set_version: what the tools put into the first entries stays, all others are empty
    // afterwards. inval: no such version, or an entry that the other one has no word for; nosys:
    // not for this domain; busy: an entry is in use, or a status frame mapped; nomem.
    Result<Unit> set_version(Memory& memory, unsigned version);
    // The frames that say which entries are used; there are some with version 2 only.
    unsigned status_frames() const { return status_count_; }
    Mfn status_frame(unsigned index) const { return status_[index]; }
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
    // An entry as words that mean the same in both layouts.
    struct Carried {
        std::uint16_t flags{};
        domid_t peer{};
        std::uint64_t frame{};
    };
    static constexpr unsigned kReserved = GNTTAB_NR_RESERVED_ENTRIES;

    // Status frames that so many frames of entries need.
    static constexpr unsigned status_needed(unsigned frames)
    {
        return (frames * kPerFrameV2 + kStatusPerFrame - 1) / kStatusPerFrame;
    }
    grant_entry_v1_t& entry_v1(GrantRef ref) const;
    grant_entry_v2_t& entry_v2(GrantRef ref) const;
    grant_status_t& status_of(GrantRef ref) const;
    GrantEntry entry(GrantRef ref) const;
    Result<Carried> carry(GrantRef ref, unsigned version) const;
    void put_carried(GrantRef ref, const Carried& carried);
    Result<Unit> lend_status(Memory& memory, unsigned frames);
    Result<Unit> take_status_back(Memory& memory);
    GrantStatus take_frame(Memory& memory, GrantRef ref, Active& use, GrantAccess access);

    DomId owner_{};
    unsigned limit_{};
    unsigned newest_{kNewest};
    unsigned version_{1};
    unsigned count_{};
    unsigned status_count_{};
    std::uint32_t in_use_{};
    std::array<Mfn, kMaxFrames> shared_{};
    std::array<Mfn, kMaxStatusFrames> status_{};
    std::array<Active*, kMaxFrames> active_{};
};

} // namespace zocalo::hv
