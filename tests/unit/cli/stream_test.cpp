// SPDX-License-Identifier: Apache-2.0
// The console's and the events' WebSocket against a server of the test's own.
#include "cli/client/stream.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>
#include <unistd.h>

namespace zocalo::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Local = asio::local::stream_protocol;
using Socket = beast::websocket::stream<Local::socket>;
using std::chrono::milliseconds;

// Accepts one connection and hands it to `talk`.
class OneTalk {
  public:
    explicit OneTalk(std::function<void(Local::socket)> talk)
        : acceptor_{io_, Local::endpoint{path_}}, thread_{
                                                      [this, talk] { talk(acceptor_.accept()); }}
    {
    }
    ~OneTalk()
    {
        thread_.join();
        ::unlink(path_.c_str());
    }
    OneTalk(const OneTalk&) = delete;
    OneTalk& operator=(const OneTalk&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_{"/tmp/zl-stream-test-" + std::to_string(::getpid()) + ".sock"};
    asio::io_context io_;
    Local::acceptor acceptor_;
    std::thread thread_;
};

class Recorder : public StreamHandler {
  public:
    bool frame(std::string_view bytes, bool binary) override
    {
        seen += (binary ? "b:" : "t:") + std::string{bytes} + ";";
        return !(stop_at == bytes);
    }
    bool input(std::string_view bytes, std::string& to_send) override
    {
        to_send = bytes.substr(0, bytes.find('\x1d'));
        return bytes.find('\x1d') == std::string_view::npos;
    }
    std::string seen;
    std::string stop_at{"never"};
};

TEST(Stream, FramesArriveInOrderUntilTheDaemonCloses)
{
    OneTalk daemon{[](Local::socket connection) {
        Socket socket{std::move(connection)};
        socket.accept();
        socket.binary(true);
        socket.write(asio::buffer(std::string_view{"boot"}));
        socket.text(true);
        socket.write(asio::buffer(std::string_view{"{\"end\": \"gone\"}"}));
        boost::system::error_code ignored;
        socket.close(beast::websocket::close_code::normal, ignored);
    }};
    Recorder recorder;
    const auto result = run_stream(daemon.path(), "/console", -1, recorder, milliseconds{5000});
    EXPECT_TRUE(result) << describe(result.error());
    EXPECT_EQ(recorder.seen, "b:boot;t:{\"end\": \"gone\"};");
}

TEST(Stream, TypedBytesReachTheDaemonUntilTheDetachKey)
{
    std::string typed;
    auto daemon = std::make_unique<OneTalk>([&](Local::socket connection) {
        Socket socket{std::move(connection)};
        socket.accept();
        boost::system::error_code end;
        while (!end) {
            beast::flat_buffer buffer;
            socket.read(buffer, end);
            typed += beast::buffers_to_string(buffer.data());
        }
    });
    int input[2];
    ASSERT_EQ(::pipe(input), 0);
    ASSERT_EQ(::write(input[1], "ls\n\x1dlost", 8), 8);
    Recorder recorder;
    const auto result =
        run_stream(daemon->path(), "/console", input[0], recorder, milliseconds{5000});
    EXPECT_TRUE(result) << describe(result.error());
    daemon.reset(); // waits for it
    EXPECT_EQ(typed, "ls\n");
    ::close(input[0]);
    ::close(input[1]);
}

TEST(Stream, TheHandlerMayStop)
{
    OneTalk daemon{[](Local::socket connection) {
        Socket socket{std::move(connection)};
        socket.accept();
        socket.write(asio::buffer(std::string_view{"enough"}));
        beast::flat_buffer buffer;
        boost::system::error_code end;
        socket.read(buffer, end);
    }};
    Recorder recorder;
    recorder.stop_at = "enough";
    EXPECT_TRUE(run_stream(daemon.path(), "/events", -1, recorder, milliseconds{5000}));
    EXPECT_EQ(recorder.seen, "t:enough;");
}

TEST(Stream, ARefusalIsTheErrorItHolds)
{
    OneTalk daemon{[](Local::socket connection) {
        beast::flat_buffer buffer;
        beast::http::request<beast::http::string_body> request;
        beast::http::read(connection, buffer, request);
        beast::http::response<beast::http::string_body> answer{beast::http::status::conflict, 11};
        answer.body() = R"({"error": {"code": "conflict", "what": "taken", "next": "--steal"}})";
        answer.prepare_payload();
        beast::http::write(connection, answer);
    }};
    Recorder recorder;
    const auto result = run_stream(daemon.path(), "/console", -1, recorder, milliseconds{5000});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), (Error{Code::conflict, "taken", "--steal"}));
}

TEST(Stream, ABrokenConnectionIsUnreachable)
{
    OneTalk daemon{[](Local::socket connection) {
        Socket socket{std::move(connection)};
        socket.accept();
        socket.next_layer().close();
    }};
    Recorder recorder;
    const auto result = run_stream(daemon.path(), "/events", -1, recorder, milliseconds{5000});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::unreachable);
}

} // namespace
} // namespace zocalo::cli
