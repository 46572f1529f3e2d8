// SPDX-License-Identifier: Apache-2.0
#include "backends/net/stall_guard.hpp"

namespace zocalo::net {

StallGuard::Act StallGuard::waiting(Clock::time_point now)
{
    if (!since_) {
        since_ = drained_ = now;
        return Act::none;
    }
    if (now - *since_ >= kStall && !stalled_) {
        stalled_ = true;
        return Act::stall;
    }
    if (now - drained_ >= kDrain) {
        drained_ = now;
        return Act::discard;
    }
    return Act::none;
}

StallGuard::Act StallGuard::moving()
{
    since_.reset();
    if (!stalled_)
        return Act::none;
    stalled_ = false;
    return Act::recover;
}

} // namespace zocalo::net
