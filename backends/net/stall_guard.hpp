// SPDX-License-Identifier: Apache-2.0
// StallGuard: what to do about a guest that posts no room for the frames waiting for it (XSA-392).
// Pure: the caller brings the time and carries out the answer. The limits are those of Linux's
// netback.
#pragma once

#include <chrono>
#include <optional>

namespace zocalo::net {

class StallGuard {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds kDrain{10}; // a frame this old is of no use to anybody
    static constexpr std::chrono::seconds kStall{60}; // then the card loses its carrier

    enum class Act {
        none,
        discard, // throw away what waits
        stall,   // and take the carrier away
        recover, // give the carrier back
    };

    // The guest has no room, now or still.
    Act waiting(Clock::time_point now);
    // The guest has room again, or nothing waits.
    Act moving();

    bool stalled() const { return stalled_; }

  private:
    std::optional<Clock::time_point> since_;
    Clock::time_point drained_{};
    bool stalled_{};
};

} // namespace zocalo::net
