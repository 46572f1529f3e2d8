// SPDX-License-Identifier: Apache-2.0
// Scopes: puts a process into a systemd scope of its own, so that stopping or restarting the
// daemon's unit does not touch it. Used by the launcher; blocks on the system bus.
#pragma once

#include "common/error/error.hpp"

#include <string>
#include <sys/types.h>

namespace zocalo::toolstack {

// Code::unsupported when systemd does not run here. The scope goes when its last process ends.
Outcome<Unit> move_to_scope(const std::string& unit, pid_t pid, const std::string& description);

} // namespace zocalo::toolstack
