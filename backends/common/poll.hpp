// SPDX-License-Identifier: Apache-2.0
// Poll: a look or two more before a process sleeps. Waking a process costs more than a short wait
// does, so a ring whose next request has lately come soon is watched for a moment, without asking
// its guest for an event; one whose requests come late is not watched at all, and costs nothing
// while it is idle. PollWindow is the rule and has no clock; Poll applies it to one ring.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace zocalo::backend {

// Ticks of the processor's counter: reading the clock is a system call on hosts whose kernels do
// not trust that counter, reading the counter never is.
using Ticks = std::uint64_t;
using TickSource = Ticks (*)();

inline Ticks processor_ticks()
{
    return __builtin_ia32_rdtsc();
}

// When to watch and for how long, from how long it took lately until the next request came. A mean
// in which each gap counts for an eighth, and none for more than four windows: a burst of requests
// is needed to begin, one long pause is enough to end.
class PollWindow {
  public:
    // 0: never.
    explicit PollWindow(Ticks longest) : longest_{longest}, mean_{kCeiling * longest} {}

    Ticks length() const { return mean_ < longest_ / 2 ? longest_ : 0; }
    bool ever() const { return longest_ != 0; }
    void waited(Ticks gap)
    {
        const Ticks counted = std::min(gap, kCeiling * longest_);
        mean_ = mean_ - mean_ / kMemory + counted / kMemory;
    }

  private:
    static constexpr Ticks kCeiling = 4, kMemory = 8;

    Ticks longest_, mean_;
};

// Whether to try again after watching was in vain. Where a guest cannot run while its backend
// watches (they share a processor), each watch fails whatever the gaps are like; so each failure
// doubles how many turns go by without one, and each success halves it.
class Patience {
  public:
    // Of a turn that could watch.
    bool tries()
    {
        if (left_out_ == 0)
            return true;
        --left_out_;
        return false;
    }
    void was_in_vain()
    {
        next_ = std::min(kMost, 2 * next_ + 1);
        left_out_ = next_;
    }
    void paid() { next_ /= 2; }

  private:
    static constexpr unsigned kMost = 255;

    unsigned left_out_ = 0, next_ = 0;
};

class Poll {
  public:
    explicit Poll(Ticks longest = 0, TickSource counter = processor_ticks)
        : window_{longest}, ticks_now_{counter}
    {
    }

    // There is work, after however long a wait.
    void begin()
    {
        if (idle_)
            window_.waited(since(idle_since_));
        idle_ = false;
    }

    // There is none left. True when `look` finds some within the window; else the caller asks for
    // an event and lets others have their turn, which `others_wait` may ask for before the end.
    template <class Look, class Others> bool watch(Look&& look, Others&& others_wait)
    {
        if (!window_.ever())
            return false;
        idle_ = true;
        idle_since_ = ticks_now_();
        const Ticks length = window_.length();
        if (length == 0 || !patience_.tries())
            return false;
        while (since(idle_since_) < length) {
            if (look()) {
                patience_.paid();
                return true;
            }
            if (others_wait())
                return false;
            __builtin_ia32_pause();
        }
        patience_.was_in_vain();
        return false;
    }

  private:
    // Counters of two processors may differ: a step back ends the wait.
    Ticks since(Ticks start) const { return ticks_now_() - start; }

    PollWindow window_;
    Patience patience_;
    TickSource ticks_now_;
    Ticks idle_since_ = 0;
    bool idle_ = false;
};

// The counter's rate, from two looks at the clock: the first when the object is made.
class TickRate {
  public:
    TickRate() : begun_{Clock::now()}, ticks_{processor_ticks()} {}

    // Later: how many ticks that time has. The longer it has lived, the better it knows.
    Ticks in(std::chrono::microseconds time) const
    {
        const std::chrono::duration<double, std::micro> passed = Clock::now() - begun_;
        if (time.count() <= 0 || passed.count() <= 0)
            return 0;
        const auto each = static_cast<double>(processor_ticks() - ticks_) / passed.count();
        return static_cast<Ticks>(each * static_cast<double>(time.count()));
    }

  private:
    using Clock = std::chrono::steady_clock;

    Clock::time_point begun_;
    Ticks ticks_;
};

} // namespace zocalo::backend
