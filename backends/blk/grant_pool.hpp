// SPDX-License-Identifier: Apache-2.0
// GrantPool: pages of a guest that stay mapped because its frontend uses the same grants again and
// again (feature-persistent): moving data is then a memcpy, without a system call. Bounded; when it
// is full the page used longest ago goes, and pages nobody used for a while go too. A page that
// cannot be mapped is no failure: the caller copies by grant. Allocates at construction only.
#pragma once

#include "common/base/address.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace zocalo::blk {

class GrantPool {
  public:
    using Clock = std::chrono::steady_clock;

    // `most` pages of `guest`; the table outlives the pool.
    GrantPool(xen::GrantTable& grants, DomId guest, std::size_t most);

    // The page, mapped now if it was not; empty when it cannot be, or every place is taken by pages
    // that were used since `busy_since`.
    std::span<std::byte> page(GrantRef ref, Clock::time_point now);

    // Unmaps what was not used since `then`; at most `most` pages, so that a turn stays short.
    std::size_t drop_unused(Clock::time_point then, std::size_t most);

    std::size_t mapped() const { return mapped_; }
    std::size_t capacity() const { return places_.size(); }

  private:
    static constexpr std::uint16_t kNone = 0xffff;
    struct Place {
        GrantRef ref{};
        xen::GrantMapping mapping;
        Clock::time_point used;
        std::uint16_t newer = kNone, older = kNone; // by use
        std::uint16_t chain = kNone;                // of its bucket, or of the free places
    };

    std::uint16_t& bucket(GrantRef ref) { return buckets_[ref.value * 2654435761u >> shift_]; }
    std::uint16_t find(GrantRef ref);
    void to_front(std::uint16_t at);
    void unlink(std::uint16_t at);
    void drop(std::uint16_t at);

    xen::GrantTable& grants_;
    DomId guest_;
    std::vector<Place> places_;
    std::vector<std::uint16_t> buckets_;
    unsigned shift_;
    std::uint16_t newest_ = kNone, oldest_ = kNone, free_ = kNone;
    std::size_t mapped_ = 0;
};

} // namespace zocalo::blk
