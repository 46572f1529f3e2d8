// SPDX-License-Identifier: Apache-2.0
// Home: keeps a process where its events arrive. The kernel wakes a process on the processor it ran
// on last, as long as that one is idle; when another one hears the event, each request pays for
// waking two. A process that finds itself elsewhere goes home, at most once a second, and stays
// free to be moved: where processors are scarce the kernel knows better.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

namespace zocalo::backend {

// What Home asks of the system; played in tests.
struct Whereabouts {
    using Clock = std::chrono::steady_clock;

    // The processor this runs on; no system call.
    std::function<unsigned()> where;
    // Goes there if it may, and may be moved again from then on.
    std::function<void(unsigned processor)> go;
    // To a tick's precision; no system call.
    std::function<Clock::time_point()> now;

    static Whereabouts of_this_thread();
};

class Home {
  public:
    static constexpr std::chrono::seconds kBetweenMoves{1};

    explicit Home(Whereabouts system = Whereabouts::of_this_thread()) : system_{std::move(system)}
    {
    }

    void settle(unsigned processor)
    {
        processor_ = processor;
        moved_.reset();
        look();
    }

    // To be called when an event was heard.
    void look()
    {
        if (processor_ && system_.where() != *processor_)
            go_back();
    }

  private:
    void go_back();

    Whereabouts system_;
    std::optional<unsigned> processor_;
    std::optional<Whereabouts::Clock::time_point> moved_;
};

} // namespace zocalo::backend
