// SPDX-License-Identifier: Apache-2.0
// PIRQs: dom0's numbers for the interrupts of devices, and the event channels they reach. Numbers
// below `kGsis` are GSIs, higher ones are MSIs. Under the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// A channel was bound to the PIRQ: from now on its device may interrupt. inval: not mapped.
Result<Unit> start_pirq(System& system, Domain& domain, std::uint32_t pirq, EventPort port);
// Its channel was closed: the device may not interrupt any more.
void stop_pirq(System& system, std::uint32_t pirq);

// The device of the PIRQ interrupted.
void raise_pirq(System& system, std::uint32_t pirq);
// PHYSDEVOP_eoi: the guest has served it.
Result<Unit> end_pirq(System& system, std::uint32_t pirq);

} // namespace zocalo::hv
