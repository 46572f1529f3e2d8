// SPDX-License-Identifier: Apache-2.0
// The clocks a guest reads by itself: vcpu_time_info and the wall clock (xen/xen.h).
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Fills the vCPU's vcpu_time_info from the system's clock.
void publish_time(const System& system, Vcpu& vcpu);

// Fills the domain's wall clock.
void publish_wall_clock(const System& system, Domain& domain);

} // namespace zocalo::hv
