// SPDX-License-Identifier: Apache-2.0
// What a backend process is left with once a guest's numbers reach it: its open files and a short
// list of system calls on them. Used by process.cpp and both main.cpp, in the order given there.
#pragma once

#include "common/error/error.hpp"

#include <cstdint>
#include <span>

namespace zocalo::backend {

// Own mount, network, IPC and host name namespaces, and a root folder that is empty and read-only.
// Needs root; taps and images that were handed over work on, whatever namespace made them.
Outcome<Unit> isolate();

// Pages stay in memory once they were touched: writing a guest's data must not wait for memory that
// becomes free by writing a guest's data.
Outcome<Unit> lock_memory();

// System calls allowed from now on, for every thread. `calls` and `ioctls` are what this kind of
// backend needs beyond what all do; anything else ends the process. Memory is never made
// executable.
Outcome<Unit> allow_only(std::span<const int> calls, std::span<const std::uint32_t> ioctls);

} // namespace zocalo::backend
