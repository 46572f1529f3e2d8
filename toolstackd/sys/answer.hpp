// SPDX-License-Identifier: Apache-2.0
// Answer<T>: what every asynchronous call in the daemon returns. One io_context, one thread owns
// all state; whatever blocks runs on a named pool and comes back by co_await.
#pragma once

#include "common/error/error.hpp"

#include <boost/asio/awaitable.hpp>

namespace zocalo::toolstack {

template <class T> using Answer = boost::asio::awaitable<Outcome<T>>;

} // namespace zocalo::toolstack
