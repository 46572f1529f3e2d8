// SPDX-License-Identifier: Apache-2.0
// IoRanges: which ports, or which frames that are not RAM, a domain without privileges was given.
// A handful of ranges that neither overlap nor touch, in order. Under the system lock.
#pragma once

#include "common/base/result.hpp"

#include <array>
#include <cstdint>

namespace zocalo::hv {

class IoRanges {
  public:
    static constexpr unsigned kMost = 32;

    // From `first` to `last`, which may be given already. nospc: there are too many ranges.
    Result<Unit> give(std::uint64_t first, std::uint64_t last);
    // What of it was given is not any more. nospc: a range would fall in two, and there are too
    // many.
    Result<Unit> take(std::uint64_t first, std::uint64_t last);
    // Whether all of it was given.
    bool covers(std::uint64_t first, std::uint64_t last) const;

  private:
    struct Range {
        std::uint64_t first{}, last{};
    };

    std::array<Range, kMost> ranges_{};
    unsigned count_{};
};

} // namespace zocalo::hv
