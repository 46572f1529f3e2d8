// SPDX-License-Identifier: Apache-2.0
// Buddy: free machine memory as naturally aligned blocks of 2^order frames, kept in lists through
// the frame table. It cleans nothing and knows no owners.
#pragma once

#include "hypervisor-core/mm/frame_table.hpp"

#include <array>
#include <optional>

namespace zocalo::hv {

class Buddy {
  public:
    static constexpr unsigned kMaxOrder = 18; // 1 GiB

    explicit constexpr Buddy(FrameTable& frames) : frames_{frames} { lists_.fill(kNoFrame); }

    // Any run of frames that are not in use; used at boot for all RAM that is left.
    void free_range(Mfn first, std::uint64_t count);
    void free(Mfn first, unsigned order);

    // A block whose last byte lies below 2^`address_bits`; lowest address first among equals is not
    // promised. Nothing when there is none that large.
    std::optional<Mfn> allocate(unsigned order, unsigned address_bits = 64);

    std::uint64_t free_frames() const { return free_frames_; }
    // The largest order that has a block now.
    unsigned largest_order() const;

  private:
    void push(std::uint32_t block, unsigned order);
    void remove(std::uint32_t block, unsigned order);
    bool is_free_block(std::uint64_t block, unsigned order) const;
    // A free block of `order` whose first 2^`wanted` frames lie in reach: those are what is handed
    // out.
    std::optional<std::uint32_t> find(unsigned order, unsigned wanted, unsigned address_bits) const;

    FrameTable& frames_;
    std::array<std::uint32_t, kMaxOrder + 1> lists_{};
    std::uint64_t free_frames_{};
};

} // namespace zocalo::hv
