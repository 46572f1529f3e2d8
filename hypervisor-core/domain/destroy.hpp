// SPDX-License-Identifier: Apache-2.0
// The end of a domain: everything it had goes back, in steps small enough to be interrupted. What
// others still use of it (granted pages that are mapped) stays until they let go; until then the
// tools see a dying domain. Under the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// One step. False: call again. Afterwards the domain may be gone: look it up again.
bool destroy_step(System& system, Domain& domain);

// Frees what is left of a domain that is destroyed and that nobody uses any more; does nothing for
// any other. To be called after the use of one of its grants ends.
void bury_if_dead(System& system, DomId id);

} // namespace zocalo::hv
