// SPDX-License-Identifier: Apache-2.0
// Moving a paravirtual vCPU onto this processor and off it.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

void save_vcpu(Vcpu& vcpu, const TrapFrame& frame);
// False when one of its data selectors has become bad; it is null then.
[[nodiscard]] bool load_vcpu(const Vcpu& vcpu, TrapFrame& frame);

// Leaves every guest's page tables, so that they may be freed.
void load_idle_address_space(const System& system);

} // namespace zocalo::hv
