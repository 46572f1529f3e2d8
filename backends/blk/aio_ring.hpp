// SPDX-License-Identifier: Apache-2.0
// What libaio's kernel side shows a process without a system call: the ring of ended transfers that
// io_setup(2) maps, whose address is the context itself. libaio reads its indices (io_getevents
// says "none" that way); taking the ends out as well is what the kernel allows for (fs/aio.c,
// user_refill_reqs_available), and saves a call for each batch.
#pragma once

#include <libaio.h>

#include <cstddef>
#include <span>

namespace zocalo::blk {

// Takes ends that are there, at most as many as there is room for; never blocks. The only reader of
// this context. A kernel whose ring is of another kind is asked by io_getevents(2).
std::size_t take_ended(io_context_t context, std::span<io_event> room);

} // namespace zocalo::blk
