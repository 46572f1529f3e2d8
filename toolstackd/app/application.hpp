// SPDX-License-Identifier: Apache-2.0
// The daemon's life: start the parts, say so, answer until SIGTERM, end in order. Guests, backends
// and device models are never touched by its end.
#pragma once

#include "toolstackd/app/config.hpp"

namespace zocalo::toolstack {

// Returns after SIGTERM or SIGINT, or at once with what prevents starting.
Outcome<Unit> serve(const Config& config);

} // namespace zocalo::toolstack
