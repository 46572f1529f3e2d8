// SPDX-License-Identifier: Apache-2.0
// Failpoints: named places before and after every side effect, where a test kills the daemon. Each
// pass is counted; with ZOCALO_FAILPOINT_KILL=K in the environment the K-th pass raises SIGKILL,
// with ZOCALO_FAILPOINT_LOG=FILE each pass appends its name to FILE (so that a first run counts the
// points). Unit tests install a hook instead, which throws. Without ZOCALO_FAILPOINTS they compile
// to nothing.
#pragma once

#include <functional>

namespace zocalo::toolstack {

#ifdef ZOCALO_FAILPOINTS
void failpoint(const char* name);
// Replaces the process's behaviour at failpoints; an empty function restores it.
void set_failpoint_hook(std::function<void(const char* name)> hook);
#else
inline void failpoint(const char*) {}
#endif

} // namespace zocalo::toolstack
