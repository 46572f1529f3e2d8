// SPDX-License-Identifier: Apache-2.0
// WebSockets (RFC 6455): events out, consoles both ways. Nothing is queued here: events wait in the
// daemon's event log, console output in the console's history, and a client that does not read
// stops answering pings and is cut off.
#include "common/rpc/json.hpp"
#include "toolstackd/rpc/connection.hpp"
#include "toolstackd/rpc/reply.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/json/serialize.hpp>

#include <limits>

namespace zocalo::toolstack {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using namespace boost::asio::experimental::awaitable_operators;
using Socket = websocket::stream<ClientStream>;

namespace {

constexpr std::size_t kLargestFrame = 64 << 10; // of input
constexpr std::size_t kEventsAtOnce = 256;
constexpr std::chrono::milliseconds kSlice{1000};

// Ends both loops of a stream: whatever waits on the socket fails from now on.
void cut(Socket& socket)
{
    beast::get_lowest_layer(socket).close();
}

asio::awaitable<bool> send(Socket& socket, std::string_view data, bool binary)
{
    error_code failure;
    socket.binary(binary);
    co_await socket.async_write(
        asio::buffer(data.data(), data.size()), asio::redirect_error(asio::use_awaitable, failure)
    );
    co_return !failure;
}

// A last word, then the closing handshake.
asio::awaitable<void> say_goodbye(Socket& socket, const char* reason)
{
    error_code failure;
    const websocket::close_reason why{websocket::close_code::normal, reason};
    co_await socket.async_close(why, asio::redirect_error(asio::use_awaitable, failure));
}

// Event clients send nothing that matters; reading notices pings, closes and deaths.
asio::awaitable<void> ignore_input(Socket& socket)
{
    error_code failure;
    while (!failure) {
        beast::flat_buffer buffer{kLargestFrame};
        co_await socket.async_read(buffer, asio::redirect_error(asio::use_awaitable, failure));
    }
    cut(socket);
}

asio::awaitable<bool> send_page(Socket& socket, const EventPage& page)
{
    if (page.resync && !co_await send(socket, R"({"resync":true})", false))
        co_return false;
    for (const rpc::EventView& event : page.events) {
        const std::string line = boost::json::serialize(rpc::to_json(event));
        if (!co_await send(socket, line, false))
            co_return false;
    }
    co_return true;
}

asio::awaitable<void> push_events(Socket& socket, ServerShared& shared, std::uint64_t since)
{
    while (!shared.stopping && socket.is_open()) {
        auto page = co_await shared.services.toolstack.events(since, kEventsAtOnce, kSlice);
        if (!page || !co_await send_page(socket, *page))
            break;
        since = page->next;
    }
    co_await say_goodbye(socket, "the daemon stops");
    cut(socket);
}

asio::awaitable<void> console_input(Socket& socket, ConsoleReader& console)
{
    for (;;) {
        beast::flat_buffer buffer{kLargestFrame};
        error_code failure;
        co_await socket.async_read(buffer, asio::redirect_error(asio::use_awaitable, failure));
        if (failure)
            break;
        if (!socket.got_binary())
            continue; // text frames are kept for later words of the protocol
        std::string input(static_cast<const char*>(buffer.data().data()), buffer.size());
        const auto written = co_await console.write(std::move(input));
        if (!written && written.error().code != Code::conflict)
            break;
    }
    console.cancel();
    cut(socket);
}

asio::awaitable<void> console_output(Socket& socket, ConsoleReader& console)
{
    for (;;) {
        const auto output = co_await console.read();
        if (!output || output->empty()) {
            boost::json::object end;
            end["end"] = output ? console.end_reason() : output.error().what;
            const std::string text = boost::json::serialize(end);
            if (co_await send(socket, text, false))
                co_await say_goodbye(socket, "the console ended");
            break;
        }
        if (!co_await send(socket, *output, true))
            break;
    }
    console.cancel();
    cut(socket);
}

Outcome<ConsoleAttach> attach_of(const Target& target)
{
    constexpr auto kAll = std::numeric_limits<std::size_t>::max();
    ConsoleAttach how;
    how.replay = TRY(target.number("replay", kAll)).value_or(kAll);
    how.write = TRY(target.flag("write"));
    how.steal = TRY(target.flag("steal"));
    return how;
}

Answer<std::unique_ptr<ConsoleReader>> attach(Services& services, const Call& call)
{
    auto how = attach_of(call.target);
    if (!how)
        co_return how.error();
    auto uuid = co_await services.toolstack.resolve(call.params.at("ref"));
    if (!uuid)
        co_return uuid.error();
    co_return co_await services.consoles.attach(*uuid, *how);
}

asio::awaitable<bool> accept(Socket& socket, const HttpRequest& request, const ServerLimits& limits)
{
    // The WebSocket keeps time itself: a client that answers no ping in this time is gone.
    beast::get_lowest_layer(socket).expires_never();
    websocket::stream_base::timeout times{limits.request_time, limits.stream_idle, true};
    socket.set_option(times);
    socket.read_message_max(kLargestFrame);
    error_code failure;
    co_await socket.async_accept(request, asio::redirect_error(asio::use_awaitable, failure));
    co_return !failure;
}

} // namespace

asio::awaitable<std::optional<Reply>> run_stream(
    std::shared_ptr<Connection> connection,
    std::shared_ptr<ServerShared> shared,
    const HttpRequest& request,
    Call call
)
{
    std::unique_ptr<ConsoleReader> console;
    auto since = call.target.number("since", std::numeric_limits<std::uint64_t>::max());
    if (!since)
        co_return error_reply(since.error());
    if (call.route->stream == Stream::console) {
        auto attached = co_await attach(shared->services, call);
        if (!attached)
            co_return error_reply(attached.error());
        console = std::move(*attached);
    }
    Socket socket{std::move(connection->stream)};
    struct Leave {
        Connection& connection;
        ~Leave() { connection.end_stream = nullptr; }
    } leave{*connection};
    connection->end_stream = [&socket, &console] {
        if (console)
            console->cancel();
        cut(socket);
    };
    if (!co_await accept(socket, request, shared->limits))
        co_return std::nullopt;
    shared->services.metrics.add("zocalo_api_streams_total", {{"route", call.route->pattern}});
    if (console)
        co_await (console_input(socket, *console) && console_output(socket, *console));
    else
        co_await (ignore_input(socket) && push_events(socket, *shared, since->value_or(0)));
    co_return std::nullopt;
}

} // namespace zocalo::toolstack
