// SPDX-License-Identifier: Apache-2.0
// Surroundings: what the process has once and every card of it uses. All of it outlives them.
#pragma once

#include "backends/common/event_pump.hpp"
#include "backends/net/arena.hpp"
#include "backends/net/write_ring.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <boost/asio/io_context.hpp>

namespace zocalo::net {

struct Surroundings {
    boost::asio::io_context& io;
    backend::EventPump& events;
    xen::GrantTable& grants;
    Arena& arena;
    WriteRing* ring{}; // none: frames are written one by one
};

} // namespace zocalo::net
