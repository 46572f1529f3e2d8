// SPDX-License-Identifier: Apache-2.0
// What a paravirtual guest's kernel is told of the processor: what it has, less what ring 3 cannot
// use or the hypervisor does not switch, less what the domain's list of leaves leaves out. Pure,
// but for the processor's own answer.
#pragma once

#include "hypervisor-core/domain/system.hpp"
#include "hypervisor-core/hal/devices.hpp"

namespace zocalo::hv::pv {

hal::CpuidLeaf
guest_cpuid(const System& system, const Domain& domain, std::uint32_t leaf, std::uint32_t subleaf);

} // namespace zocalo::hv::pv
