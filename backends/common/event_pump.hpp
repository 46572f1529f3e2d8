// SPDX-License-Identifier: Apache-2.0
// EventPump: waits on the process's event channel device and calls the owner of each port that
// fired. The port stays masked while its owner works and is unmasked after it, so a storm of events
// costs a guest one round through the loop each (XSA-332); ports of one wakeup are served in turn.
#pragma once

#include "backends/common/home.hpp"
#include "backends/common/poll.hpp"
#include "common/xen-sys/event_channels.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>

namespace zocalo::backend {

class EventPump {
  public:
    using Handler = std::function<void()>;
    // Whether the ring behind a port has work that could be done now.
    using Waits = std::function<bool()>;

    // `make_poll`: how each ring is watched before its guest is asked for an event.
    EventPump(
        boost::asio::io_context& io,
        xen::EventChannels& events,
        std::function<Poll()> make_poll = [] { return Poll{}; }
    );
    ~EventPump();
    EventPump(const EventPump&) = delete;
    EventPump& operator=(const EventPump&) = delete;

    // Binds to the guest's port and calls `handler` for each event; the local port is unmasked
    // after it. `waits` is asked while another ring is watched, and changes nothing.
    Outcome<EventPort> bind(DomId remote, EventPort remote_port, Handler handler, Waits waits = {});
    // The handler is not called any more; the port is closed.
    void unbind(EventPort port);
    void notify(EventPort port);
    // The processor that hears the events: the thread that calls this goes there, and goes back.
    void settle(unsigned processor);
    // For one ring that is served here; it is watched until others_wait().
    Poll poll() const { return make_poll_(); }
    // Any but the ring behind that port: their events come when this handler returns.
    bool others_wait(EventPort port) const;

  private:
    struct State;
    std::function<Poll()> make_poll_;
    std::shared_ptr<State> state_;
};

} // namespace zocalo::backend
