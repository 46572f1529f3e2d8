// SPDX-License-Identifier: Apache-2.0
// Histogram: how long something took, in powers of two of a microsecond. Fixed size, so that adding
// costs a few instructions; sent to toolstackd with the other counters.
#pragma once

#include "common/backend-ctl/messages.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace zocalo::blk {

class Histogram {
  public:
    // Bucket n counts what took less than 2^n µs; the last one everything longer, too.
    static constexpr std::size_t kBuckets = 24;

    void add(std::chrono::nanoseconds took)
    {
        const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)) / 1000;
        const auto bucket = static_cast<std::size_t>(std::bit_width(us));
        ++buckets_[std::min(bucket, kBuckets - 1)];
        sum_ += us;
    }

    // NAME_us_sum, and NAME_us_lt_N for each bucket that has something.
    void list(const std::string& name, std::vector<backend::Counter>& to) const
    {
        to.push_back({name + "_us_sum", sum_});
        for (std::size_t n = 0; n < kBuckets; ++n)
            if (buckets_[n] != 0)
                to.push_back({name + "_us_lt_" + std::to_string(std::uint64_t{1} << n), buckets_[n]}
                );
    }

  private:
    std::array<std::uint64_t, kBuckets> buckets_{};
    std::uint64_t sum_ = 0;
};

} // namespace zocalo::blk
