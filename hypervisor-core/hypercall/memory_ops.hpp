// SPDX-License-Identifier: Apache-2.0
// The sub-operations of HYPERVISOR_memory_op that have files of their own.
#pragma once

#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/memory.h>

namespace zocalo::hv {

// The first argument: the operation below, how many extents are done above.
inline constexpr std::uint64_t kMemoryOpMask = 63;
inline constexpr unsigned kMemoryOpShift = 6;

// XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap.
Answer change_reservation(Call& call);
// XENMEM_set_memory_map, XENMEM_memory_map, XENMEM_claim_pages, XENMEM_machphys_mfn_list
Answer set_memory_map(Call& call);
Answer memory_map(Call& call);
Answer claim_pages(Call& call);
Answer machphys_list(Call& call);
// XENMEM_acquire_resource
Answer acquire_resource(Call& call);
// XENMEM_exchange
Answer exchange_memory(Call& call);

} // namespace zocalo::hv
