// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/connection.hpp"

#include "toolstackd/rpc/reply.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <poll.h>

namespace zocalo::toolstack {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

namespace {

// Both directions closed by the client: nobody will read the answer (poll(2), POLLHUP). A client
// that has only finished sending still gets one.
bool hung_up(int socket)
{
    pollfd state{socket, 0, 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void count(ServerShared& shared, const Call& call, const Reply& reply)
{
    // Patterns, not paths: clients cannot make up label values.
    const char* route = call.route != nullptr ? call.route->pattern : "none";
    const char* method = call.route != nullptr ? name(call.route->method) : "none";
    Labels labels{{"method", method}, {"route", route}, {"status", std::to_string(reply.status)}};
    shared.services.metrics.add("zocalo_api_requests_total", labels);
}

// Waits for the next request's first byte; false at the end of the connection.
asio::awaitable<bool>
wait_for_request(Connection& connection, beast::flat_buffer& buffer, const ServerLimits& limits)
{
    if (buffer.size() > 0)
        co_return true; // pipelined
    error_code failure;
    connection.stream.expires_after(limits.idle_time);
    const std::size_t size = co_await connection.stream.async_read_some(
        buffer.prepare(4096), asio::redirect_error(asio::use_awaitable, failure)
    );
    buffer.commit(size);
    co_return !failure && size > 0;
}

asio::awaitable<bool> write_reply(
    Connection& connection, const ServerShared& shared, unsigned version, Reply reply, bool keep
)
{
    http::response<http::string_body> response;
    response.version(version);
    response.result(reply.status);
    response.set(http::field::server, "zocalo");
    response.set(http::field::content_type, reply.content_type);
    response.keep_alive(keep);
    response.body() = std::move(reply.body);
    response.prepare_payload();
    error_code failure;
    connection.stream.expires_after(shared.limits.request_time);
    co_await http::async_write(
        connection.stream, response, asio::redirect_error(asio::use_awaitable, failure)
    );
    co_return keep && !failure;
}

// What to tell a client whose bytes Beast refused; nothing when it went away or was too slow.
std::optional<Reply> refusal_of(const error_code& failure)
{
    if (failure == http::error::header_limit || failure == http::error::buffer_overflow)
        return error_reply(431, "usage", "the request's head is larger than 16 KiB");
    if (failure == http::error::body_limit)
        return error_reply(413, "usage", "the request's body is larger than 1 MiB");
    if (failure.category() == make_error_code(http::error::bad_method).category() &&
        failure != http::error::end_of_stream && failure != http::error::partial_message)
        return error_reply(400, "usage", "this is not HTTP/1.1: " + failure.message());
    return std::nullopt;
}

asio::awaitable<error_code>
read_body(Connection& connection, beast::flat_buffer& buffer, Parser& parser)
{
    error_code failure;
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
        http::response<http::empty_body> go_on{http::status::continue_, parser.get().version()};
        co_await http::async_write(
            connection.stream, go_on, asio::redirect_error(asio::use_awaitable, failure)
        );
        if (failure)
            co_return failure;
    }
    co_await http::async_read(
        connection.stream, buffer, parser, asio::redirect_error(asio::use_awaitable, failure)
    );
    co_return failure;
}

struct Handled {
    std::optional<Reply> reply; // nothing: the connection is over
    bool keep{};
};

asio::awaitable<Handled> handle(
    std::shared_ptr<Connection> connection,
    std::shared_ptr<ServerShared> shared,
    beast::flat_buffer& buffer,
    Parser& parser,
    Call& call
)
{
    Handled result;
    result.reply = admit(parser.get(), connection->peer, call);
    const bool has_body = !parser.is_done() &&
                          (parser.chunked() || parser.content_length_remaining().value_or(0) > 0);
    if (result.reply) {
        result.keep = !has_body && parser.get().keep_alive(); // an unread body ends it
        co_return result;
    }
    if (const error_code failure = co_await read_body(*connection, buffer, parser)) {
        result.reply = refusal_of(failure);
        co_return result;
    }
    call.client_gone = [connection, shared] {
        return shared->stopping || hung_up(connection->stream.socket().native_handle());
    };
    if (call.route->stream != Stream::none && beast::websocket::is_upgrade(parser.get())) {
        result.reply = co_await run_stream(connection, shared, parser.get(), std::move(call));
        co_return result;
    }
    result.keep = parser.get().keep_alive();
    connection->stream.expires_never(); // the handler has its own deadlines
    Call moved = call;
    result.reply =
        co_await perform(shared->services, std::move(moved), std::move(parser.get().body()));
    co_return result;
}

} // namespace

asio::awaitable<void>
serve(std::shared_ptr<Connection> connection, std::shared_ptr<ServerShared> shared)
{
    beast::flat_buffer buffer{std::size_t{2} * shared->limits.head_bytes};
    for (bool keep = true; keep && !shared->stopping;) {
        connection->busy = false;
        if (!co_await wait_for_request(*connection, buffer, shared->limits))
            co_return;
        connection->busy = true;
        Parser parser;
        parser.header_limit(shared->limits.head_bytes);
        parser.body_limit(shared->limits.body_bytes);
        connection->stream.expires_after(shared->limits.request_time);
        error_code failure;
        co_await http::async_read_header(
            connection->stream, buffer, parser, asio::redirect_error(asio::use_awaitable, failure)
        );
        Call call;
        Handled result;
        if (failure)
            result.reply = refusal_of(failure);
        else
            result = co_await handle(connection, shared, buffer, parser, call);
        if (!result.reply)
            co_return;
        count(*shared, call, *result.reply);
        keep = co_await write_reply(
            *connection,
            *shared,
            parser.is_header_done() ? parser.get().version() : 11,
            std::move(*result.reply),
            result.keep && !shared->stopping
        );
    }
}

} // namespace zocalo::toolstack
