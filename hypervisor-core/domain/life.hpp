// SPDX-License-Identifier: Apache-2.0
// How domains and vCPUs come and go. Under the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// A domain without memory or vCPUs, paused once. exist: the number is taken; nomem.
Result<Domain*> create_domain(System& system, DomId id, unsigned vcpu_limit);

// An offline vCPU that will run on processor `cpu`.
Result<Vcpu*> create_vcpu(System& system, Domain& domain, unsigned id, unsigned cpu);

// Gives the event table room for one more channel.
Result<Unit> make_event_room(System& system, Domain& domain);

// The domain did what no guest may do: it stops as SHUTDOWN_crash.
void crash_domain(System& system, Domain& domain);

} // namespace zocalo::hv
