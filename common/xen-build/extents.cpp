// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/extents.hpp"

#include <initializer_list>

namespace zocalo::xen {

unsigned largest_order(std::uint64_t first, std::uint64_t pages, unsigned max_order)
{
    for (const unsigned order : {kOrder1G, kOrder2M}) {
        const std::uint64_t size = std::uint64_t{1} << order;
        if (order <= max_order && first % size == 0 && pages >= size)
            return order;
    }
    return kOrder4K;
}

std::uint64_t
run_of_order(std::uint64_t first, std::uint64_t pages, unsigned order, unsigned max_order)
{
    const std::uint64_t size = std::uint64_t{1} << order;
    std::uint64_t extents = pages / size;
    if (order < max_order) {
        const unsigned above = order == kOrder4K ? kOrder2M : kOrder1G;
        const std::uint64_t larger = std::uint64_t{1} << above;
        const std::uint64_t boundary = (first + larger - 1) / larger * larger;
        // From the boundary on the larger order fits, if enough pages are left there.
        if (above <= max_order && first + pages >= boundary + larger &&
            (boundary - first) / size < extents)
            extents = (boundary - first) / size;
    }
    return extents;
}

} // namespace zocalo::xen
