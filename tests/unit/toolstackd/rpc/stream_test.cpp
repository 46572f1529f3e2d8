// SPDX-License-Identifier: Apache-2.0
// WebSockets, spoken by Beast's client on a blocking socket.
#include "tests/unit/toolstackd/rpc/api_fixture.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/json/parse.hpp>

namespace zocalo::toolstack::test {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

class WebSocketClient {
  public:
    // The status of a refused handshake; 0 when it succeeded.
    unsigned connect(const std::string& path, const std::string& target)
    {
        socket_.next_layer().connect(asio::local::stream_protocol::endpoint{path});
        websocket::response_type response;
        boost::system::error_code failure;
        socket_.handshake(response, "localhost", target, failure);
        return failure ? response.result_int() : 0;
    }
    std::string receive()
    {
        beast::flat_buffer buffer;
        boost::system::error_code failure;
        socket_.read(buffer, failure);
        return failure ? "closed" : beast::buffers_to_string(buffer.data());
    }
    bool got_binary() const { return socket_.got_binary(); }
    void send(const std::string& data)
    {
        socket_.binary(true);
        socket_.write(asio::buffer(data));
    }

  private:
    asio::io_context context_;
    websocket::stream<asio::local::stream_protocol::socket> socket_{context_};
};

class Streams : public ApiTest {};

rpc::EventView event(std::uint64_t seq)
{
    rpc::EventView view;
    view.seq = seq;
    return view;
}

TEST_F(Streams, EventsArriveAsTheyHappenFromTheGivenNumberOn)
{
    on_server([this] { toolstack_.log = {event(1), event(2)}; });
    WebSocketClient client;
    ASSERT_EQ(client.connect(path_, "/v1/events?since=1"), 0u);
    EXPECT_EQ(boost::json::parse(client.receive()).at("seq").to_number<int>(), 2);
    on_server([this] { toolstack_.log.push_back(event(3)); });
    EXPECT_EQ(boost::json::parse(client.receive()).at("seq").to_number<int>(), 3);
}

TEST_F(Streams, AClientThatMissedEventsIsToldToResync)
{
    on_server([this] {
        toolstack_.log = {event(9)};
        toolstack_.oldest = 8;
    });
    WebSocketClient client;
    ASSERT_EQ(client.connect(path_, "/v1/events?since=3"), 0u);
    EXPECT_EQ(client.receive(), R"({"resync":true})");
    EXPECT_EQ(boost::json::parse(client.receive()).at("seq").to_number<int>(), 9);
}

TEST_F(Streams, AConsoleGoesBothWaysAndSaysWhyItEnded)
{
    WebSocketClient client;
    ASSERT_EQ(client.connect(path_, "/v1/domains/web/console?write=1"), 0u);
    EXPECT_EQ(client.receive(), "hello");
    EXPECT_TRUE(client.got_binary());
    client.send("ping");
    EXPECT_EQ(client.receive(), "ping");
    client.send("exit");
    EXPECT_EQ(client.receive(), R"({"end":"the domain ended"})");
    EXPECT_FALSE(client.got_binary());
    EXPECT_EQ(client.receive(), "closed");
}

TEST_F(Streams, ATakenWriterIsA409UnlessStolen)
{
    consoles_.writer_taken = true;
    WebSocketClient first, second;
    EXPECT_EQ(first.connect(path_, "/v1/domains/web/console?write=1"), 409u);
    EXPECT_EQ(second.connect(path_, "/v1/domains/web/console?write=1&steal=1"), 0u);
}

TEST_F(Streams, RefusalsComeBeforeTheHandshake)
{
    WebSocketClient nobody, reader;
    EXPECT_EQ(nobody.connect(path_, "/v1/domains/nobody/console"), 404u);
    access_ = Access::read;
    EXPECT_EQ(reader.connect(path_, "/v1/domains/web/console"), 403u);
}

TEST_F(Streams, StoppingTheServerEndsThem)
{
    WebSocketClient events, console;
    ASSERT_EQ(events.connect(path_, "/v1/events"), 0u);
    ASSERT_EQ(console.connect(path_, "/v1/domains/web/console"), 0u);
    EXPECT_EQ(console.receive(), "hello");
    stop();
    EXPECT_EQ(events.receive(), "closed");
    while (console.receive() != "closed") {
    }
}

TEST_F(Streams, AVanishedClientIsForgotten)
{
    ServerLimits limits;
    limits.connections = 1;
    restart(limits);
    {
        WebSocketClient client;
        ASSERT_EQ(client.connect(path_, "/v1/domains/web/console"), 0u);
    }
    unsigned status = 503;
    while (status == 503)
        status = ask("GET", "/v1/version").status;
    EXPECT_EQ(status, 200u);
}

} // namespace
} // namespace zocalo::toolstack::test
