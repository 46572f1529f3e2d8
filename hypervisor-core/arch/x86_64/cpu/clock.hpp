// SPDX-License-Identifier: Apache-2.0
// The time stamp counter as a clock, and the local APIC's timer against it.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Measures both against the HPET, whose registers are mapped there (0: there is none), else against
// the PIT; reads the real-time clock and starts system.clock. The local APIC runs already.
void start_clock(System& system, std::uint64_t hpet_registers);

} // namespace zocalo::hv
