// SPDX-License-Identifier: Apache-2.0
// A processor's counter that tests move: by ten with each look at it, and by hand.
#pragma once

#include "backends/common/poll.hpp"

#include <functional>

namespace zocalo::backend::test {

struct PlayedTicks {
    static inline Ticks now = 0;
    static inline std::function<void()> on_read;
    static Ticks read()
    {
        if (on_read)
            on_read();
        return now += 10;
    }
};

inline constexpr Ticks kLongestPoll = 1000;

// There are no other rings.
inline bool nobody()
{
    return false;
}

// Of a ring whose guest has been quick: it looks a hundred times before it rests.
inline Poll open_poll()
{
    PlayedTicks::now = 0;
    PlayedTicks::on_read = nullptr;
    Poll poll{kLongestPoll, PlayedTicks::read};
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(poll.watch([] { return true; }, nobody));
        poll.begin();
    }
    return poll;
}

} // namespace zocalo::backend::test
