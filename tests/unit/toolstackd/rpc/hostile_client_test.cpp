// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/rpc/api_fixture.hpp"

#include <deque>

namespace zocalo::toolstack::test {
namespace {

class HostileClient : public ApiTest {};

constexpr const char* kVersion = "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HostileClient, NoiseIsA400AndTheEndOfTheConnection)
{
    for (const char* noise :
         {"\x16\x03\x01\x02\x01\r\n\r\n",
          "GET\r\n\r\n",
          "GET /v1/version HTTP/9.9\r\n\r\n",
          "GET /v1/version HTTP/1.1\r\nbad header\r\n\r\n",
          "POST /v1/domains HTTP/1.1\r\nContent-Length: minus\r\n\r\n"}) {
        RawClient client{path_};
        client.send(noise);
        EXPECT_EQ(client.receive().status, 400u) << noise;
        EXPECT_TRUE(client.closed()) << noise;
    }
    EXPECT_EQ(ask("GET", "/v1/version").status, 200u);
}

TEST_F(HostileClient, AHeadBeyondItsLimitIsA431)
{
    const std::string big(20'000, 'a');
    EXPECT_EQ(ask("GET", "/v1/version", "", "X-Big: " + big + "\r\n").status, 431u);
    EXPECT_EQ(ask("GET", "/" + big).status, 431u);
    EXPECT_EQ(ask("GET", "/" + big.substr(0, 8000)).status, 400u) << "fits, but no path is so long";
}

TEST_F(HostileClient, ABodyBeyondItsLimitIsA413BeforeItIsSent)
{
    RawClient client{path_};
    client.send("POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n");
    EXPECT_EQ(client.receive().status, 413u);
    EXPECT_TRUE(client.closed());
}

TEST_F(HostileClient, AChunkedBodyBeyondItsLimitIsA413)
{
    RawClient client{path_};
    client.send("POST /v1/domains HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
    for (int i = 0; i < 17; ++i)
        client.send(chunk);
    EXPECT_EQ(client.receive().status, 413u);
}

TEST_F(HostileClient, WithoutTheRightNobodyUploads)
{
    access_ = Access::read;
    RawClient client{path_};
    client.send("POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    EXPECT_EQ(client.receive().status, 403u);
    EXPECT_TRUE(client.closed());
}

TEST_F(HostileClient, ASlowHeadIsCutOff)
{
    ServerLimits limits;
    limits.request_time = std::chrono::milliseconds{50};
    restart(limits);
    RawClient client{path_};
    client.send("GET /v1/ver");
    EXPECT_TRUE(client.closed());
}

TEST_F(HostileClient, ASlowBodyIsCutOff)
{
    ServerLimits limits;
    limits.request_time = std::chrono::milliseconds{50};
    restart(limits);
    RawClient client{path_};
    client.send("POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    EXPECT_TRUE(client.closed());
    EXPECT_TRUE(toolstack_.requests.empty());
}

TEST_F(HostileClient, AnIdleConnectionIsClosed)
{
    ServerLimits limits;
    limits.idle_time = std::chrono::milliseconds{50};
    restart(limits);
    RawClient client{path_};
    EXPECT_TRUE(client.closed());
}

TEST_F(HostileClient, AHalfClosedClientStillGetsItsAnswer)
{
    RawClient client{path_};
    client.send(kVersion);
    client.half_close();
    EXPECT_EQ(client.receive().status, 200u);
    EXPECT_TRUE(client.closed());
}

TEST_F(HostileClient, AClientThatVanishesDuringAWaitFreesItsPlace)
{
    ServerLimits limits;
    limits.connections = 1;
    restart(limits);
    toolstack_.finish_on_wait = false;
    {
        RawClient client{path_};
        client.send(
            "POST /v1/domains/web/pause?wait=600 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        );
    }
    unsigned status = 0;
    while (status != 200) // 503 until the server has noticed
        status = ask("GET", "/v1/version").status;
    EXPECT_EQ(status, 200u);
}

TEST_F(HostileClient, KeepAliveAndPipeliningWork)
{
    RawClient client{path_};
    client.send(std::string(kVersion) + kVersion);
    EXPECT_EQ(client.receive().status, 200u);
    EXPECT_EQ(client.receive().status, 200u);
    client.send("GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(client.receive().status, 200u);
    EXPECT_TRUE(client.closed());
}

TEST_F(HostileClient, ExpectContinueIsAnswered)
{
    RawClient client{path_};
    client.send("POST /v1/domains/web/pause HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                "Content-Length: 2\r\n\r\n");
    EXPECT_EQ(client.receive().status, 100u);
    client.send("{}");
    EXPECT_EQ(client.receive().status, 202u);
}

TEST_F(HostileClient, OneUserCannotTakeAllConnections)
{
    ServerLimits limits;
    limits.connections_per_uid = 4;
    restart(limits);
    std::deque<RawClient> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back(path_).send(kVersion);
        EXPECT_EQ(clients.back().receive().status, 200u);
    }
    EXPECT_EQ(ask("GET", "/v1/version").status, 503u);
    clients.pop_back();
    unsigned status = 503;
    while (status == 503) // the server has to notice first
        status = ask("GET", "/v1/version").status;
    EXPECT_EQ(status, 200u);
}

TEST_F(HostileClient, ALongIdempotencyKeyIsRefused)
{
    const std::string header = "Idempotency-Key: " + std::string(129, 'k') + "\r\n";
    EXPECT_EQ(ask("POST", "/v1/domains/web/pause", "{}", header).status, 400u);
    EXPECT_TRUE(toolstack_.requests.empty());
}

TEST_F(HostileClient, StoppingEndsIdleConnectionsAndAnswersBusyOnes)
{
    toolstack_.finish_on_wait = false;
    RawClient idle{path_}, busy{path_};
    idle.send(kVersion);
    EXPECT_EQ(idle.receive().status, 200u);
    busy.send("POST /v1/domains/web/pause?wait=600 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    );
    bool submitted = false;
    while (!submitted)
        on_server([&] { submitted = !toolstack_.requests.empty(); });
    stop();
    EXPECT_TRUE(idle.closed());
    EXPECT_EQ(busy.receive().status, 202u);
}

} // namespace
} // namespace zocalo::toolstack::test
