// SPDX-License-Identifier: Apache-2.0
// ControlPump: a card's control ring in the event loop: its event channel drives a ControlQueue in
// turns short enough to be fair to the cards of the process. It ends with the object: nothing is
// called, mapped or bound afterwards.
#pragma once

#include "backends/common/event_pump.hpp"
#include "backends/net/control_queue.hpp"
#include "common/backend-ctl/messages.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>

namespace zocalo::net {

class ControlPump {
  public:
    // Both are called from the event loop. `broken` at most once: the guest broke the protocol, and
    // the ring is not served any more.
    struct Heard {
        std::function<void()> changed; // what `settings` say
        std::function<void(const std::string& reason)> broken;
    };

    // Maps the ring and binds its event channel. `resume`: goes on where the process before
    // stopped, with the settings that `log` holds; it outlives this process. On an error nothing of
    // it remains. Nothing is served before start().
    static Outcome<std::unique_ptr<ControlPump>> connect(
        boost::asio::io_context& io,
        backend::EventPump& events,
        xen::GrantTable& grants,
        DomId guest,
        const backend::ControlRing& ring,
        HashSettings& settings,
        HashLog log,
        bool resume,
        Heard heard
    );
    void start();
    ~ControlPump();
    ControlPump(const ControlPump&) = delete;
    ControlPump& operator=(const ControlPump&) = delete;

  private:
    struct State;
    explicit ControlPump(std::shared_ptr<State> state) : state_{std::move(state)} {}
    std::shared_ptr<State> state_;
};

} // namespace zocalo::net
