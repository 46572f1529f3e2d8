// SPDX-License-Identifier: Apache-2.0
// The clocks a guest reads by itself: vcpu_time_info, the wall clock (xen/xen.h), the run state's
// area (xen/vcpu.h).
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Fills the vCPU's vcpu_time_info from the system's clock.
void publish_time(const System& system, Vcpu& vcpu);

// Fills the vCPU's area where its kernel looks for stolen time; at once while the kernel runs,
// whose address it is, else when it does next.
void publish_run_state(Vcpu& vcpu);

// Fills the domain's wall clock.
void publish_wall_clock(const System& system, Domain& domain);

} // namespace zocalo::hv
