// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/io_ranges.hpp"

#include <algorithm>

namespace zocalo::hv {

Result<Unit> IoRanges::give(std::uint64_t first, std::uint64_t last)
{
    IoRanges made;
    bool placed = false;
    const auto add = [&](Range range) {
        if (made.count_ == kMost)
            return false;
        made.ranges_[made.count_++] = range;
        return true;
    };
    for (unsigned i = 0; i < count_; ++i) {
        const Range range = ranges_[i];
        // Those that overlap or touch become one with the new one.
        const bool before = range.last < first && range.last + 1 < first;
        const bool behind = last < range.first && last + 1 < range.first;
        if (!before && !behind) {
            first = std::min(first, range.first);
            last = std::max(last, range.last);
            continue;
        }
        if (behind && !placed) {
            placed = true;
            if (!add({first, last}))
                return Errno::nospc;
        }
        if (!add(range))
            return Errno::nospc;
    }
    if (!placed && !add({first, last}))
        return Errno::nospc;
    *this = made;
    return Unit{};
}

Result<Unit> IoRanges::take(std::uint64_t first, std::uint64_t last)
{
    IoRanges made;
    const auto add = [&](std::uint64_t from, std::uint64_t to) {
        if (made.count_ == kMost)
            return false;
        made.ranges_[made.count_++] = {from, to};
        return true;
    };
    for (unsigned i = 0; i < count_; ++i) {
        const Range range = ranges_[i];
        if (range.last < first || last < range.first) {
            if (!add(range.first, range.last))
                return Errno::nospc;
            continue;
        }
        if (range.first < first && !add(range.first, first - 1))
            return Errno::nospc;
        if (last < range.last && !add(last + 1, range.last))
            return Errno::nospc;
    }
    *this = made;
    return Unit{};
}

bool IoRanges::covers(std::uint64_t first, std::uint64_t last) const
{
    for (unsigned i = 0; i < count_; ++i)
        if (ranges_[i].first <= first && last <= ranges_[i].last)
            return true;
    return false;
}

} // namespace zocalo::hv
