// SPDX-License-Identifier: Apache-2.0
#include "cli/client/stream.hpp"

#include "cli/client/error_body.hpp"
#include "cli/client/http.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <array>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <optional>

namespace zocalo::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

constexpr std::size_t kMaxFrame = 16U << 20;
constexpr std::size_t kMaxQueued = 256U << 10; // typed but not taken by the daemon yet
constexpr std::chrono::seconds kCloseLimit{2};

class Pump {
  public:
    Pump(const std::string& path, const std::string& target, StreamHandler& handler)
        : path_{path}, target_{target}, handler_{handler}, socket_{io_}, input_{io_}, signals_{io_},
          close_timer_{io_}
    {
        socket_.read_message_max(kMaxFrame);
    }

    Outcome<Unit> run(int input, std::chrono::milliseconds limit)
    {
        limit_ = limit;
        input_fd_ = input;
        for (const int number : {SIGINT, SIGTERM, SIGHUP})
            signals_.add(number);
        signals_.async_wait([this](error_code e, int) {
            if (!e)
                finish();
        });
        lowest().expires_after(limit);
        lowest().async_connect(Local::endpoint{path_}, [this](error_code e) { connected(e); });
        io_.run();
        input_.release();
        if (error_)
            return *error_;
        return Unit{};
    }

  private:
    using Stream = beast::basic_stream<Local>;
    Stream& lowest() { return beast::get_lowest_layer(socket_); }

    void fail(Error error)
    {
        if (!error_ && !finishing_)
            error_ = std::move(error);
        stop();
    }

    void stop()
    {
        signals_.cancel();
        if (input_.is_open())
            input_.cancel();
        lowest().cancel();
        io_.stop();
    }

    // What was typed is sent first; then goodbye, without waiting for ever for the answer.
    void finish()
    {
        if (finishing_)
            return;
        finishing_ = true;
        close_timer_.expires_after(kCloseLimit);
        close_timer_.async_wait([this](error_code e) {
            if (!e)
                stop();
        });
        if (outgoing_.empty())
            say_goodbye();
    }

    void say_goodbye()
    {
        socket_.async_close(websocket::close_code::normal, [this](error_code) { stop(); });
    }

    void connected(error_code e)
    {
        if (e)
            return fail(unreachable(path_, e.value()));
        socket_.async_handshake(answer_, "localhost", target_, [this](error_code h) { shaken(h); });
    }

    void shaken(error_code e)
    {
        if (e == websocket::error::upgrade_declined)
            return fail(error_from_body(answer_.result_int(), answer_.body()));
        if (e)
            return fail(Error{
                Code::unreachable,
                "the daemon did not open the stream: " + e.message(),
                "see `journalctl -u toolstackd`"});
        lowest().expires_never();
        auto timeouts = websocket::stream_base::timeout::suggested(beast::role_type::client);
        timeouts.idle_timeout = std::chrono::seconds{60};
        timeouts.keep_alive_pings = true;
        socket_.set_option(timeouts);
        read_frame();
        if (input_fd_ >= 0) {
            error_code ignored;
            input_.assign(input_fd_, ignored);
            read_input();
        }
    }

    void read_frame()
    {
        socket_.async_read(buffer_, [this](error_code e, std::size_t) {
            if (e == websocket::error::closed || (e && finishing_))
                return stop();
            if (e)
                return fail(Error{
                    Code::unreachable,
                    "the stream broke: " + e.message(),
                    "the daemon may have been restarted; run the command again"});
            const std::string bytes = beast::buffers_to_string(buffer_.data());
            buffer_.consume(buffer_.size());
            if (!handler_.frame(bytes, socket_.got_binary()))
                return finish();
            read_frame();
        });
    }

    void read_input()
    {
        if (!input_.is_open() || finishing_)
            return;
        input_.async_read_some(asio::buffer(typed_), [this](error_code e, std::size_t n) {
            if (e || n == 0)
                return;
            std::string to_send;
            const bool more = handler_.input({typed_.data(), n}, to_send);
            send(std::move(to_send));
            if (!more)
                return finish();
            if (queued_ < kMaxQueued)
                read_input();
            else
                input_waits_ = true;
        });
    }

    void send(std::string bytes)
    {
        if (bytes.empty())
            return;
        queued_ += bytes.size();
        outgoing_.push_back(std::move(bytes));
        if (outgoing_.size() == 1)
            write_next();
    }

    void write_next()
    {
        socket_.binary(true);
        socket_.async_write(asio::buffer(outgoing_.front()), [this](error_code e, std::size_t) {
            if (e)
                return; // the reader reports it
            queued_ -= outgoing_.front().size();
            outgoing_.pop_front();
            if (input_waits_) {
                input_waits_ = false;
                read_input();
            }
            if (!outgoing_.empty())
                write_next();
            else if (finishing_)
                say_goodbye();
        });
    }

    asio::io_context io_{1};
    std::string path_, target_;
    StreamHandler& handler_;
    websocket::stream<Stream> socket_;
    asio::posix::stream_descriptor input_;
    asio::signal_set signals_;
    asio::steady_timer close_timer_;
    websocket::response_type answer_;
    beast::flat_buffer buffer_;
    std::array<char, 4096> typed_{};
    std::deque<std::string> outgoing_;
    std::size_t queued_{0};
    std::chrono::milliseconds limit_{};
    int input_fd_{-1};
    bool input_waits_{false}, finishing_{false};
    std::optional<Error> error_;
};

} // namespace

Outcome<Unit> run_stream(
    const std::string& socket_path,
    const std::string& target,
    int input,
    StreamHandler& handler,
    std::chrono::milliseconds limit
)
{
    // Asio makes what it reads non-blocking, and that outlives us in the terminal: put it back.
    const int flags = input >= 0 ? ::fcntl(input, F_GETFL) : 0;
    auto result = Pump{socket_path, target, handler}.run(input, limit);
    if (input >= 0 && flags >= 0)
        ::fcntl(input, F_SETFL, flags);
    return result;
}

} // namespace zocalo::cli
