// SPDX-License-Identifier: Apache-2.0
// What it costs this machine to put a program to sleep and wake it: microseconds on hardware, a
// hundred times as much where processors are nested or emulated. Processes of disks watch a ring
// some ten times that long before they sleep.
#pragma once

#include <chrono>

namespace zocalo::toolstack {

// How long two threads take to wake one another, once each: the median of a few rounds. Blocks for
// all of them. Zero where it cannot be told.
std::chrono::microseconds sleep_cost();

// How long it is worth while to watch a busy ring on such a machine.
std::chrono::microseconds watch_length(std::chrono::microseconds sleep_cost);

} // namespace zocalo::toolstack
