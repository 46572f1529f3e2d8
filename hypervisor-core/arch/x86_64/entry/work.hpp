// SPDX-License-Identifier: Apache-2.0
// Interrupts, and what is done before a guest runs again.
#pragma once

#include <cstdint>

namespace zocalo::hv {

struct System;

void handle_interrupt(std::uint32_t vector);

// Starts running guests on this processor, which is on its own stack.
[[noreturn]] void run_guests();

} // namespace zocalo::hv
