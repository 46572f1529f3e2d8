// SPDX-License-Identifier: Apache-2.0
// What a PVH guest reads with CPUID about how its processors sit together. Xen numbers the local
// APICs of a translated guest 0, 2, 4, … (so do our ACPI tables); the leaves it copies from the
// host count them without gaps, and would put each vCPU into a package of its own. Used by the
// domain builder between reading and writing the domain's policy; it makes no call itself.
#pragma once

#include "common/base/address.hpp"

#include <xen/xen.h>

#include <cstddef>
#include <span>

namespace zocalo::xen {

// Doubles the APIC id space of each package in `leaves` (XEN_DOMCTL_get_cpu_policy), so that all
// vCPUs are cores of as few packages as the host has, none of them a hyperthread. Moves the leaves
// it has changed to the front, in any order, and answers how many: only those need to be written
// back. A count at its largest value stays. Intel SDM vol. 2A, CPUID leaves 1 and 4; AMD APM vol.
// 3, functions 8000_0001h and 8000_0008h.
std::size_t space_out_apic_ids(std::span<xen_cpuid_leaf_t> leaves);

} // namespace zocalo::xen
