// SPDX-License-Identifier: Apache-2.0
// Medium: what an opened image is: its size, its block, and whether direct I/O of the wanted size
// works. Found out once, before any guest is served.
#pragma once

#include "common/error/error.hpp"

#include <cstdint>
#include <string>

namespace zocalo::blk {

struct Medium {
    std::uint64_t bytes{};
    std::uint32_t physical_block{512};
    bool writable{};
    bool block_device{};
    std::uint32_t discard_granularity{}; // 0: it gives nothing back
    bool discards_securely{};
    std::string note; // why direct I/O is not used; empty when it is
};

// The size now, in bytes.
Outcome<std::uint64_t> size_of(int fd);

// Gives the bytes back, blocking; 0 or an errno value.
int discard(int fd, const Medium& medium, std::uint64_t offset, std::uint64_t length, bool secure);

// Turns O_DIRECT on or off on `fd`, and O_NONBLOCK off. `smallest` is the smallest transfer that
// must work, in bytes.
Outcome<Medium> examine(int fd, std::uint32_t smallest);

} // namespace zocalo::blk
