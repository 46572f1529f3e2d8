// SPDX-License-Identifier: Apache-2.0
// DatabaseGuard: whether the database that is there is the one that was used since the host booted.
// If not, the daemon starts, shows what runs, and refuses changes: acting on old knowledge would
// end guests or start them twice. Nothing is expected right after a host boot: no guest runs then.
#pragma once

#include "toolstackd/app/config.hpp"

#include <boost/asio/awaitable.hpp>

namespace zocalo::toolstack {

struct Parts;

std::string database_path(const Config& config);
// What to say when there was one since the host booted and it is gone; empty otherwise. Asked
// before one is made.
std::string missing_database(const Config& config);

// Compares the database with the stamps in /run and in xenstore (where a new /run does not erase
// it). Trusted, it is stamped as used by this start; else the domain layer is told to only read.
boost::asio::awaitable<void> guard_database(Parts& parts);

// `toolstackd --accept-database`: forgets the stamps, and moves a damaged file out of the way. The
// next start takes what is there.
Outcome<Unit> accept_database(const Config& config);

} // namespace zocalo::toolstack
