// SPDX-License-Identifier: Apache-2.0
// The PC's battery-backed clock.
#pragma once

#include <cstdint>

namespace zocalo::hv {

// Seconds since 1970, UTC as the machine was set.
std::uint64_t read_real_time_clock();

} // namespace zocalo::hv
