// SPDX-License-Identifier: Apache-2.0
// ApiServer: the control API on a listening Unix socket: HTTP/1.1 keep-alive connections and
// WebSockets, one coroutine each, all bounded: size and time of a request, connections per user and
// together, what a slow reader may hold back. It routes, authorises and checks; what a request
// means is the handlers' business. Daemon's thread only.
#pragma once

#include "common/posix/unique_fd.hpp"
#include "toolstackd/rpc/route.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace zocalo::toolstack {

struct ServerLimits {
    std::uint32_t head_bytes{16 << 10};
    std::uint64_t body_bytes{1 << 20};
    std::size_t connections_per_uid{64};
    std::size_t connections{512};
    std::chrono::milliseconds request_time{30'000}; // to send one, and to take its answer
    std::chrono::milliseconds idle_time{300'000};   // between two requests
    std::chrono::milliseconds stream_idle{30'000};  // a WebSocket client that answers no ping
};

using Identify = std::function<Outcome<Peer>(int socket)>;

class ApiServer {
  public:
    ApiServer(
        boost::asio::any_io_executor executor,
        Services services,
        UniqueFd listener,
        Identify identify,
        ServerLimits limits = {}
    );
    ~ApiServer();

    void start();
    // Accepts nothing more, ends idle connections and streams; requests that are being answered
    // may finish until `limit`. Await it before the services go.
    boost::asio::awaitable<void> stop(std::chrono::milliseconds limit);

    std::size_t connections() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

// A listening socket at `path` with that mode and group (nullopt: leave the group). Replaces the
// socket file of a daemon that has died; Code::conflict when one still listens there.
Outcome<UniqueFd>
listen_unix(const std::string& path, unsigned mode, std::optional<std::uint32_t> group);

} // namespace zocalo::toolstack
