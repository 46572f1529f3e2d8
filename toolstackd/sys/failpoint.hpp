// SPDX-License-Identifier: Apache-2.0
// Failpoints: named places before and after every side effect, where a test kills the daemon. They
// are in the program that is shipped, so that what is tested is what runs, and do nothing unless
// the environment asked when the process began: with ZOCALO_FAILPOINT_KILL=K the K-th pass raises
// SIGKILL, with ZOCALO_FAILPOINT_LOG=FILE each pass appends its name to FILE (so that a first run
// counts the points), followed by the monotonic clock in ns if ZOCALO_FAILPOINT_TIMES is set too,
// for the benchmarks. Unit tests install a hook instead, which throws. A failpoint stands where it
// is known what the effect is for, once for each effect: not again in the layer that carries it
// out.
#pragma once

#include <functional>

namespace zocalo::toolstack {

// `name` is "effect:before" or "effect:after". From any thread.
void failpoint(const char* name);

// Replaces the process's behaviour at failpoints; an empty function restores it. Before any thread.
void set_failpoint_hook(std::function<void(const char* name)> hook);

} // namespace zocalo::toolstack
