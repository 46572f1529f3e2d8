// SPDX-License-Identifier: Apache-2.0
// Pace: how fast one guest may write to its console: a bucket of bytes that fills at a steady rate.
// The guest is slowed down, nothing is dropped. Pure: time comes from the caller.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace zocalo::toolstack {

class Pace {
  public:
    using Clock = std::chrono::steady_clock;

    Pace(double bytes_per_second, double burst)
        : rate_{bytes_per_second}, burst_{burst}, level_{burst}
    {
    }

    // Takes `bytes` out, into debt if need be, and says how long to wait before the next.
    std::chrono::milliseconds take(std::size_t bytes, Clock::time_point now)
    {
        const std::chrono::duration<double> passed = now - last_;
        level_ = std::min(burst_, level_ + passed.count() * rate_);
        last_ = now;
        level_ -= static_cast<double>(bytes);
        if (level_ >= 0)
            return std::chrono::milliseconds{0};
        return std::chrono::milliseconds{static_cast<long>(-level_ / rate_ * 1000) + 1};
    }

  private:
    double rate_, burst_, level_;
    Clock::time_point last_{};
};

} // namespace zocalo::toolstack
