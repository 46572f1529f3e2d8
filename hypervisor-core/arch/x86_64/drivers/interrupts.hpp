// SPDX-License-Identifier: Apache-2.0
// Interrupts of devices: which vector is which PIRQ of dom0.
#pragma once

#include <cstdint>

namespace zocalo::hv {

struct System;

// Masks both PICs for good.
void silence_pics();

// A device's interrupt came as `vector`.
void device_interrupt(System& system, std::uint8_t vector);

} // namespace zocalo::hv
