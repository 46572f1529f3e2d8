// SPDX-License-Identifier: Apache-2.0
// The words for the states of a device's two ends in views (`backend_state`, `frontend_state`), by
// the number that xenbus has for them (XenbusState, public io/xenbus.h).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace zocalo::rpc {

inline constexpr std::array<std::string_view, 9> kDeviceStates{
    "unknown",
    "initialising",
    "init-wait",
    "initialised",
    "connected",
    "closing",
    "closed",
    "reconfiguring",
    "reconfigured"};

// 0, unknown, for any other word.
constexpr int device_state_number(std::string_view word)
{
    for (std::size_t i = 0; i < kDeviceStates.size(); ++i)
        if (word == kDeviceStates[i])
            return static_cast<int>(i);
    return 0;
}

} // namespace zocalo::rpc
