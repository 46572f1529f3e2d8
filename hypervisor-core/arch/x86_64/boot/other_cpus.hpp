// SPDX-License-Identifier: Apache-2.0
// Starting the processors beyond the first, one after the other.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Starts processors that ACPI names until `most` run; one that does not answer is left out with a
// log line. They idle until a vCPU is theirs. Needs the clock.
void start_other_cpus(System& system, unsigned most);

} // namespace zocalo::hv
