// SPDX-License-Identifier: Apache-2.0
// EventPage from the book: which events a client that has seen `since` still has to see. Pure.
#pragma once

#include "toolstackd/domain/book.hpp"
#include "toolstackd/domain/toolstack.hpp"

namespace zocalo::toolstack {

// At most `max` events newer than `since`; resync when some of them are not kept any more, or when
// `since` was never given out (the database was replaced).
EventPage page_of(const Book& book, std::uint64_t since, std::size_t max);

} // namespace zocalo::toolstack
