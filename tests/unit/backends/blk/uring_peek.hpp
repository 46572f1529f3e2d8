// SPDX-License-Identifier: Apache-2.0
// What tests see of a ring that nobody else needs to.
#pragma once

#include "backends/blk/uring.hpp"

namespace zocalo::blk {

struct UringPeek {
    static io_uring& ring(Uring& of) { return of.ring_; }
    static std::size_t under_way(const Uring& of) { return of.under_way_; }
    // Entries that the kernel took since the ring was made.
    static unsigned taken(const Uring& of) { return *of.ring_.sq.khead; }
};

} // namespace zocalo::blk
