// SPDX-License-Identifier: Apache-2.0
// What the rules ask of a processor that runs ahead of its branches. Implemented in arch/.
#pragma once

namespace zocalo::hv::hal {

// What a wrongly guessed branch has let through stops here: behind the check of a number that the
// guest chose, before it is used as an index (Spectre, variant 1).
void stop_speculation();

} // namespace zocalo::hv::hal
