// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/server.hpp"

#include "toolstackd/rpc/connection.hpp"
#include "toolstackd/rpc/reply.hpp"
#include "toolstackd/sys/log.hpp"
#include "toolstackd/sys/task_scope.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <set>
#include <sys/socket.h>

namespace zocalo::toolstack {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

struct ApiServer::State : std::enable_shared_from_this<State> {
    State(asio::any_io_executor e, Services s, UniqueFd fd, Identify who, ServerLimits l)
        : executor{e}, acceptor{e, stream_protocol{}, fd.release()}, identify{std::move(who)},
          shared{std::make_shared<ServerShared>(ServerShared{std::move(s), l})}, tasks{e}
    {
    }

    asio::awaitable<void> accept_loop();
    asio::awaitable<void> serve_one(std::shared_ptr<Connection> connection);
    void admit(stream_protocol::socket socket);
    bool full(std::uint32_t uid) const;
    void end_idle();

    asio::any_io_executor executor;
    stream_protocol::acceptor acceptor;
    Identify identify;
    std::shared_ptr<ServerShared> shared;
    std::set<std::shared_ptr<Connection>> open;
    std::map<std::uint32_t, std::size_t> per_uid;
    TaskScope tasks; // last: its tasks use all of the above
};

namespace {

// The answer to a client that is one too many: best effort, nobody waits for it.
void turn_away(stream_protocol::socket& socket)
{
    static const std::string text = [] {
        const Reply reply =
            error_reply(503, "unreachable", "too many connections of this user or to this daemon");
        return "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: "
               "application/json\r\nContent-Length: " +
               std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    }();
    [[maybe_unused]] const auto sent =
        ::send(socket.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

} // namespace

asio::awaitable<void> ApiServer::State::accept_loop()
{
    const auto self = shared_from_this();
    asio::steady_timer pause{executor};
    while (!shared->stopping) {
        error_code failure;
        stream_protocol::socket socket{executor};
        co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, failure));
        if (shared->stopping || failure == asio::error::operation_aborted)
            co_return;
        if (!failure) {
            admit(std::move(socket));
            continue;
        }
        // No descriptors or memory: the client stays in the backlog until some are free.
        log_warning("cannot accept a connection: " + failure.message());
        pause.expires_after(std::chrono::milliseconds{200});
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failure));
    }
}

bool ApiServer::State::full(std::uint32_t uid) const
{
    const auto mine = per_uid.find(uid);
    return open.size() >= shared->limits.connections ||
           (mine != per_uid.end() && mine->second >= shared->limits.connections_per_uid);
}

void ApiServer::State::admit(stream_protocol::socket socket)
{
    const auto peer = identify(socket.native_handle());
    if (!peer)
        return log_warning(describe(peer.error()));
    if (full(peer->uid)) {
        shared->services.metrics.add("zocalo_api_turned_away_total", {});
        return turn_away(socket);
    }
    auto connection = std::make_shared<Connection>(ClientStream{std::move(socket)}, *peer);
    open.insert(connection);
    ++per_uid[peer->uid];
    tasks.spawn("connection", serve_one(std::move(connection)));
}

asio::awaitable<void> ApiServer::State::serve_one(std::shared_ptr<Connection> connection)
{
    struct Leave {
        std::shared_ptr<State> state;
        std::shared_ptr<Connection> connection;
        ~Leave()
        {
            state->open.erase(connection);
            const auto mine = state->per_uid.find(connection->peer.uid);
            if (--mine->second == 0)
                state->per_uid.erase(mine);
        }
    } leave{shared_from_this(), connection};
    co_await serve(connection, shared);
}

void ApiServer::State::end_idle()
{
    const auto now = open; // ending one may change the set
    for (const auto& connection : now) {
        if (connection->end_stream)
            connection->end_stream();
        else if (!connection->busy)
            connection->stream.close();
    }
}

ApiServer::ApiServer(
    asio::any_io_executor executor,
    Services services,
    UniqueFd listener,
    Identify identify,
    ServerLimits limits
)
    : state_{std::make_shared<State>(
          std::move(executor), std::move(services), std::move(listener), std::move(identify), limits
      )}
{
    state_->shared->services.metrics.on_collect([state = std::weak_ptr(state_)](MetricsText& text) {
        if (const auto alive = state.lock()) {
            text.family("zocalo_api_connections", "gauge", "Clients connected now.");
            text.sample("zocalo_api_connections", {}, static_cast<double>(alive->open.size()));
        }
    });
}

ApiServer::~ApiServer() = default;

void ApiServer::start()
{
    state_->tasks.spawn("accept", state_->accept_loop());
}

asio::awaitable<void> ApiServer::stop(std::chrono::milliseconds limit)
{
    const auto state = state_;
    state->shared->stopping = true;
    error_code ignored;
    state->acceptor.close(ignored);
    state->end_idle();
    const auto deadline = std::chrono::steady_clock::now() + limit;
    asio::steady_timer tick{state->executor};
    while (!state->open.empty() && std::chrono::steady_clock::now() < deadline) {
        tick.expires_after(std::chrono::milliseconds{20});
        co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_await state->tasks.finish();
}

std::size_t ApiServer::connections() const
{
    return state_->open.size();
}

} // namespace zocalo::toolstack
