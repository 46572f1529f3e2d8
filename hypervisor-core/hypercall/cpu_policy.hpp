// SPDX-License-Identifier: Apache-2.0
// What a domain may see of the processor, in the lists the tools exchange (xen_cpuid_leaf_t,
// xen_msr_entry_t): that of pv/cpuid.hpp.
#pragma once

#include "hypervisor-core/hypercall/call.hpp"

#include <xen/domctl.h>

namespace zocalo::hv {

// What the tools reserve for the lists: they serialise policies of their own into as much.
inline constexpr std::uint32_t kPolicyLeaves = CpuidList::kMost;
inline constexpr std::uint32_t kPolicyMsrs = 4;

// Writes the domain's policy to `leaves` (null: only counts how much may come) and tells how many
// there are. nobufs: more than `room`.
Result<std::uint32_t>
write_policy(const System& system, const Domain& domain, std::uint64_t leaves, std::uint32_t room);

// The words of features the tools compare (xen/arch-x86/cpufeatureset.h), by index.
std::uint32_t feature_word(Call& call, unsigned index);
inline constexpr unsigned kFeatureWords = 16;

} // namespace zocalo::hv
