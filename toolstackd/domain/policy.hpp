// SPDX-License-Identifier: Apache-2.0
// Policy: what follows when an instance ends: on_poweroff and its sisters (xl.cfg(5), EVENT
// ACTIONS), and how long a domain that keeps ending too soon has to wait. Pure.
#pragma once

#include "toolstackd/domain/record.hpp"
#include "toolstackd/domain/settings.hpp"

namespace zocalo::toolstack {

// "poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset" for SHUTDOWN_* of
// public/sched.h; "unknown" for others.
std::string exit_word(std::uint8_t shutdown_reason);

struct Ending {
    Phase phase{Phase::ending}; // or preserved, or dumping
    AfterEnd after{AfterEnd::stop};
    Desired desired{Desired::stopped};
    std::uint32_t failures{};
    std::int64_t not_before_ms{};
};

// `stop_asked`: an accepted shutdown operation stands; it wins over "restart".
Ending decide_end(
    const Record& record,
    const std::string& word,
    bool stop_asked,
    std::int64_t now_ms,
    const Settings& settings
);

// 0 for the first failure, then doubling up to the longest.
std::int64_t backoff_ms(std::uint32_t failures, const Settings& settings);

} // namespace zocalo::toolstack
