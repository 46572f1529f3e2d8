// SPDX-License-Identifier: Apache-2.0
// The event channels of one /dev/xen/evtchn, handed to whoever serves their ports. On the daemon's
// thread.
#pragma once

#include "common/xen-sys/event_channels.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>

namespace zocalo::toolstack {

// For ever, until it is cancelled: calls `fire` for each port that has an event, a few before the
// daemon looks at other things. Such a port may have been unbound meanwhile; unmasking it is
// `fire`'s.
boost::asio::awaitable<void> serve_events(
    boost::asio::posix::stream_descriptor& device,
    xen::EventChannels& events,
    std::function<void(EventPort)> fire
);

} // namespace zocalo::toolstack
