// SPDX-License-Identifier: Apache-2.0
// ControlServer: the backend's end of the control socket (common/backend-ctl). It accepts
// toolstackd on the listening socket the process was started with, one connection at a time: a new
// one replaces the old, for that is a daemon that restarted. Losing the connection changes nothing
// for the guest.
#pragma once

#include "backends/common/service.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace zocalo::backend {

class ControlServer {
  public:
    struct Identity {
        Kind kind{};
        DomId domain{};
    };

    // `on_shutdown` runs once, after the answer to a Shutdown request was sent.
    ControlServer(
        boost::asio::io_context& io,
        UniqueFd listening,
        Identity identity,
        Service& service,
        std::function<void()> on_shutdown
    );
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    // Sent to the daemon of the moment; with none connected it is dropped, and `list` tells the
    // next.
    void send_event(Event event);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace zocalo::backend
