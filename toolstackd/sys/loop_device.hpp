// SPDX-License-Identifier: Apache-2.0
// The end of a loop device (loop(4)). We make none; xl's hotplug script does.
#pragma once

#include "common/error/error.hpp"

#include <string>

namespace zocalo::toolstack {

// Takes `file` away from /dev/loopN; the kernel does it when the last user has closed it. A device
// that has gone or serves another file by now is somebody else's, and stays as it is. Code::usage
// for another path. Blocks.
Outcome<Unit> clear_loop_device(const std::string& path, const std::string& file);

} // namespace zocalo::toolstack
