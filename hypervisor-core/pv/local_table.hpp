// SPDX-License-Identifier: Apache-2.0
// A paravirtual vCPU's LDT: a range of its kernel's address space. A page of it is validated, and
// shown to the processor, when a selector first reaches it; until then nothing is held of it. Under
// the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv::pv {

inline constexpr unsigned kMostLocalEntries = 8192;
inline constexpr unsigned kLocalEntriesPerPage = kPageSize / 8;

// MMUEXT_SET_LDT; what the processor has loaded is the caller's to change (hal::load_ldt). inval:
// not on a page, too long, or no address of a guest's.
Result<Unit> set_local_table(System& system, Vcpu& vcpu, std::uint64_t base, std::uint64_t entries);

// Lets go of the pages, for others may be there next time (another address space).
void forget_local_pages(System& system, Vcpu& vcpu);

// The processor missed page `page` of it. False: the guest has no descriptors there.
bool show_local_page(System& system, Vcpu& vcpu, unsigned page);

} // namespace zocalo::hv::pv
