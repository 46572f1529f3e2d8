// SPDX-License-Identifier: Apache-2.0
// What systemd is told and asked (sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3)). Without
// systemd everything here does nothing.
#pragma once

#include "common/posix/unique_fd.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace zocalo::toolstack::systemd {

// The listening socket of toolstackd.socket, if that started us.
std::optional<UniqueFd> activated_socket();
void ready(const std::string& status);
void stopping(const std::string& status);
void alive(); // WATCHDOG=1
// How often it wants to hear `alive`; nothing when it does not.
std::optional<std::chrono::microseconds> watchdog_interval();

} // namespace zocalo::toolstack::systemd
