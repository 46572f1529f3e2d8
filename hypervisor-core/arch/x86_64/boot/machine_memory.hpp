// SPDX-License-Identifier: Apache-2.0
// From the boot loader's memory map to a Memory with everything free that is free, and to the
// hypervisor's final page tables.
#pragma once

#include "hypervisor-core/arch/x86_64/mm/mapper.hpp"
#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Fills system.memory; panics when there is too little RAM.
void find_memory(System& system);

// Builds the hypervisor's tables (image, direct map, M2P) and returns their root. Processor areas
// and devices are mapped by whoever owns them.
Mfn map_hypervisor(System& system);

// Frees the boot modules' memory, once dom0 has been made of them.
void free_modules(System& system);

} // namespace zocalo::hv
