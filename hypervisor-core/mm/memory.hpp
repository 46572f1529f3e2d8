// SPDX-License-Identifier: Apache-2.0
// Memory: all machine frames, the free ones, and the machine-to-physical table. Frames come from
// here and return here when their last reference goes. It knows owners only by their list of
// frames.
#pragma once

#include "hypervisor-core/mm/buddy.hpp"
#include "hypervisor-core/mm/frame_table.hpp"

#include <span>

namespace zocalo::hv {

class Memory {
  public:
    constexpr Memory() : buddy_{frames_} {}
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    // `frames` has an entry for every machine frame up to the last of RAM; `m2p` as many or more.
    void start(std::span<FrameInfo> frames, std::span<std::uint64_t> m2p);
    // Frames that are RAM and free from now on.
    void add_free(Mfn first, std::uint64_t count) { buddy_.free_range(first, count); }
    // RAM that is in use and stays the hypervisor's.
    void keep(Mfn first, std::uint64_t count);

    FrameTable& frames() { return frames_; }
    const FrameTable& frames() const { return frames_; }
    const Buddy& buddy() const { return buddy_; }

    // 2^order frames for the hypervisor itself, cleared.
    Result<Mfn> allocate(unsigned order = 0);
    void free(Mfn first, unsigned order);

    // 2^order frames for a domain, cleared, below 2^address_bits; nomem at its limit or ours.
    Result<Mfn> allocate_for(OwnedFrames& owner, unsigned order, unsigned address_bits = 64);
    // The owner gives a frame back; it becomes free when nobody else refers to it.
    void release(Mfn mfn, OwnedFrames& owner);
    // A frame of ours that the domain may map but not own (shared info, grant table).
    Result<Mfn> lend_to(DomId domain);

    // Drops a reference, and frees the frame with the last one.
    void put(Mfn mfn);

    std::uint64_t pfn_of(Mfn mfn) const { return m2p_[mfn.value]; }
    void set_pfn(Mfn mfn, std::uint64_t pfn) { m2p_[mfn.value] = pfn; }

  private:
    FrameTable frames_;
    Buddy buddy_;
    std::span<std::uint64_t> m2p_;
};

// What the machine-to-physical table says of frames nobody has (INVALID_M2P_ENTRY).
inline constexpr std::uint64_t kNoPfn = ~std::uint64_t{0};

} // namespace zocalo::hv
