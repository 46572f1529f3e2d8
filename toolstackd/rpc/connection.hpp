// SPDX-License-Identifier: Apache-2.0
// One client's connection, from its first byte to its end (RFC 9112). Internal to the server: the
// header that pulls in Beast.
#pragma once

#include "toolstackd/rpc/server.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

namespace zocalo::toolstack {

using ClientStream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;
using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

// What all connections of a server share.
struct ServerShared {
    Services services;
    ServerLimits limits;
    bool stopping{};
};

struct Connection {
    Connection(ClientStream s, Peer p) : stream{std::move(s)}, peer{p} {}

    ClientStream stream;
    Peer peer;
    bool busy{};                        // a request is being answered
    std::function<void()> end_stream{}; // set while a WebSocket has taken `stream` over
};

// Answers requests until the client or the server ends it.
boost::asio::awaitable<void>
serve(std::shared_ptr<Connection> connection, std::shared_ptr<ServerShared> shared);

// What can be decided from the head alone, so that nobody uploads in vain: route, rights, form.
// Fills `call`, or answers the refusal.
std::optional<Reply> admit(const HttpRequest& head, const Peer& peer, Call& call);

// Reads the body strictly and runs the handler; never fails, errors are replies.
boost::asio::awaitable<Reply> perform(Services& services, Call call, std::string body);

// Takes the connection over as the WebSocket of the call's route; answers what to reply instead
// when that cannot be (writer's place taken, no such domain).
boost::asio::awaitable<std::optional<Reply>> run_stream(
    std::shared_ptr<Connection> connection,
    std::shared_ptr<ServerShared> shared,
    const HttpRequest& request,
    Call call
);

} // namespace zocalo::toolstack
