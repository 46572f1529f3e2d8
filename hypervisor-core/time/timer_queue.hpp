// SPDX-License-Identifier: Apache-2.0
// TimerQueue: what must happen when, in order of time, for one processor. A Timer is a member of
// whatever it belongs to; the queue only links them. Under the system lock, but for
// next_deadline().
#pragma once

#include <atomic>
#include <cstdint>

namespace zocalo::hv {

inline constexpr std::uint64_t kNever = ~std::uint64_t{0};

class TimerQueue;

struct Timer {
    enum class Kind : std::uint8_t { one_shot, periodic, poll };

    Kind kind{};
    std::uint64_t deadline{kNever}; // hal::now() nanoseconds
    Timer* next{};
    Timer* previous{};
    TimerQueue* queue{}; // where it is armed; null: nowhere
};

class TimerQueue {
  public:
    // Arms (or moves) `timer`.
    void arm(Timer& timer, std::uint64_t deadline);
    // Whatever queue it is armed in.
    static void cancel(Timer& timer);
    // The earliest timer that is due at `now`, taken out; null when none is.
    Timer* take_due(std::uint64_t now);
    // Needs no lock: a processor looks before it returns to its guest, while another one may take
    // out the timer of a vCPU that has moved there. Whoever arms an earlier one tells the
    // processor.
    std::uint64_t next_deadline() const { return earliest_.load(std::memory_order_relaxed); }

  private:
    void changed();

    Timer* first_{};
    std::atomic<std::uint64_t> earliest_{kNever};
};

} // namespace zocalo::hv
