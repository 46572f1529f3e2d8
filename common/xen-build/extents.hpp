// SPDX-License-Identifier: Apache-2.0
// Cutting a run of guest frames into the largest naturally aligned extents that page tables can map
// in one entry. Used for populating memory: fewer extents mean fewer hypercalls and fewer TLB
// misses.
#pragma once

#include <cstdint>

namespace zocalo::xen {

// Page orders with a hardware entry: 4 KiB, 2 MiB, 1 GiB.
inline constexpr unsigned kOrder4K = 0;
inline constexpr unsigned kOrder2M = 9;
inline constexpr unsigned kOrder1G = 18;

// The largest of the three orders, at most `max_order`, that is aligned at `first` and fits
// `pages`. `pages` must not be zero.
unsigned largest_order(std::uint64_t first, std::uint64_t pages, unsigned max_order);

// The order to fall back to when memory is too fragmented for `order`.
constexpr unsigned smaller_order(unsigned order)
{
    return order == kOrder1G ? kOrder2M : kOrder4K;
}

// How many consecutive extents of `order` start at `first` before alignment or size would allow a
// larger one (at most `max_order`), or a smaller one is needed.
std::uint64_t
run_of_order(std::uint64_t first, std::uint64_t pages, unsigned order, unsigned max_order);

} // namespace zocalo::xen
