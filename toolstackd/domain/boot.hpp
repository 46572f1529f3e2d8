// SPDX-License-Identifier: Apache-2.0
// Boot: what the daemon does once when it starts: reads the book, and when the host has booted
// since, forgets the instances of the earlier boot and queues what starts by itself.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

Answer<Unit> open_book(Context& ctx);

// Ends the wait of a queued domain: `failure` empty: it may start; else it never will this boot.
Answer<Unit> end_queue(Context& ctx, Record& record, const std::string& failure);

} // namespace zocalo::toolstack
