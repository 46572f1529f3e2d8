// SPDX-License-Identifier: Apache-2.0
// From "this event channel has something" to a vCPU that runs its handler: the two-level bits in
// the shared page, the upcall flag, and waking. Under the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Marks the port pending and tells its vCPU unless it is masked. The port is valid.
void notify_port(System& system, Domain& domain, EventPort port);

bool port_is_pending(const Domain& domain, EventPort port);

// EVTCHNOP_unmask: unmasked, and told if it is pending.
void unmask_port(System& system, Domain& domain, EventPort port);

// The port was closed: what was pending on it is nothing any more.
void forget_port(Domain& domain, EventPort port);

// The vCPU's upcall is pending: it wakes, or its processor interrupts it.
void notify_vcpu(System& system, Vcpu& vcpu);

// A VIRQ of the whole domain, respectively of one vCPU; nothing when it is not bound.
void raise_virq(System& system, Domain& domain, std::uint32_t virq);
void raise_vcpu_virq(System& system, Vcpu& vcpu, std::uint32_t virq);

} // namespace zocalo::hv
