// SPDX-License-Identifier: Apache-2.0
// Pages of segment descriptors that a guest has loaded (set_gdt, MMUEXT_SET_LDT): checked as a
// whole when they get their type, and by update_descriptor afterwards.
#pragma once

#include "hypervisor-core/mm/memory.hpp"

namespace zocalo::hv {

// A use of the page as descriptors, which are checked if it is the first: present ones are made
// ring 3; inval when one may not be. busy or inval: the page is used as something else.
Result<Unit> get_descriptors(Memory& memory, Mfn mfn, DomId owner);
void put_descriptors(Memory& memory, Mfn mfn);

} // namespace zocalo::hv
