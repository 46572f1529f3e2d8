// SPDX-License-Identifier: Apache-2.0
// The end of a loop device (loop(4)). We make none; xl's hotplug script does.
#pragma once

#include "common/error/error.hpp"

#include <string>

namespace zocalo::toolstack {

// Takes the file away from /dev/loopN; the kernel does it when the last user has closed it. No
// error when there is no file. Code::usage for another path. Blocks.
Outcome<Unit> clear_loop_device(const std::string& path);

} // namespace zocalo::toolstack
