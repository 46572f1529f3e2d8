// SPDX-License-Identifier: Apache-2.0
// open_image: a disk's image as the backend gets it: an open file, locked, and nothing else. Never
// looks into the image: a raw image's format is never guessed from its content.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"
#include "common/rpc/domain_config.hpp"

#include <chrono>

namespace zocalo::toolstack {

// A regular file or a block device, opened with O_DIRECT where the file system has it. A writer
// holds the file's OFD lock alone, readers share it; the lock lives as long as the descriptor,
// wherever it is passed, and beyond a process that is killed until the kernel has ended its
// transfers. A lock that another has is waited for no longer than `patience`. Blocks. Errors name
// the file.
Outcome<UniqueFd> open_image(const rpc::DiskConfig& disk, std::chrono::milliseconds patience = {});

} // namespace zocalo::toolstack
