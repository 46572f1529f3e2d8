// SPDX-License-Identifier: Apache-2.0
// The promises that hold after any number of deaths, once the daemon has come to rest: functions
// over the world, the database and what the daemon says. The numbers are those of
// docs/decisions/011-invariants.md.
#pragma once

#include "tests/unit/toolstackd/domain/harness.hpp"

namespace zocalo::toolstack::testing {

// Everything that is broken, as sentences; empty: nothing.
std::vector<std::string> broken_invariants(Harness& harness);

} // namespace zocalo::toolstack::testing
