// SPDX-License-Identifier: Apache-2.0
#include "common/backend-ctl/channel.hpp"
#include "common/backend-ctl/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <optional>
#include <sys/socket.h>

namespace zocalo::backend {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

template <class T>
asio::awaitable<void> store(asio::awaitable<Outcome<T>> call, std::optional<Outcome<T>>* into)
{
    auto outcome = co_await std::move(call);
    *into = std::move(outcome);
}

// The backend's end of the socket, played by hand.
struct BackendClientTest : testing::Test {
    asio::io_context io;
    UniqueFd peer;
    std::unique_ptr<BackendClient> client;
    std::vector<Event> events;
    std::optional<Error> closed;

    BackendClientTest()
    {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        peer.reset(ends[0]);
        client = BackendClient::adopt(
            io.get_executor(),
            UniqueFd{ends[1]},
            {[this](const Event& e) { events.push_back(e); },
             [this](const Error& e) { closed = e; }}
        );
    }

    template <class T> std::optional<Outcome<T>>& start(asio::awaitable<Outcome<T>> call)
    {
        static thread_local std::optional<Outcome<T>> result;
        result.reset();
        asio::co_spawn(io, store(std::move(call), &result), asio::detached);
        pump();
        return result;
    }
    void pump()
    {
        io.restart();
        while (io.poll() != 0)
            continue;
    }
    // What the client sent, answered with `answer`.
    Datagram receive()
    {
        auto datagram = receive_datagram(peer.get());
        EXPECT_TRUE(datagram && *datagram);
        return std::move(**datagram);
    }
    void answer(std::uint32_t sequence, Answer body)
    {
        EXPECT_TRUE(send_datagram(peer.get(), *encode(BackendFrame{sequence, body}), {}));
        pump();
    }
};

TEST_F(BackendClientTest, ACallSendsItsRequestAndYieldsItsAnswer)
{
    auto& result = start(client->hello(10s));
    const auto frame = decode_request(receive().bytes);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(std::holds_alternative<Hello>(frame->request));
    EXPECT_FALSE(result);
    answer(frame->sequence, HelloAnswer{kProtocolVersion, Kind::blk, DomId{3}});
    ASSERT_TRUE(result && *result);
    EXPECT_EQ((*result)->domain, DomId{3});
}

TEST_F(BackendClientTest, DescriptorsTravelAndAreClosedHere)
{
    UniqueFd image{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    const int number = image.get();
    AddDisk disk{51712, false, false, false, false, 512, "test"};
    std::vector<UniqueFd> files;
    files.push_back(std::move(image));
    auto& result = start(client->add_disk(disk, std::move(files), 10s));
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
    Datagram datagram = receive();
    ASSERT_EQ(datagram.fds.size(), 1u);
    char byte = 1;
    EXPECT_EQ(::read(datagram.fds[0].get(), &byte, 1), 1);
    EXPECT_EQ(byte, 0);
    EXPECT_TRUE(::fcntl(datagram.fds[0].get(), F_GETFD) & FD_CLOEXEC);
    answer(1, Failed{"the image is empty", "make it larger"});
    ASSERT_TRUE(result);
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().what, "the image is empty");
    EXPECT_EQ(result->error().next, "make it larger");
}

TEST_F(BackendClientTest, AnswersMayComeInAnyOrder)
{
    auto& stats = start(client->stats(1, 10s));
    auto& list = start(client->list(10s));
    answer(2, DeviceList{});
    EXPECT_TRUE(list && *list);
    EXPECT_FALSE(stats);
    answer(1, Stats{1, {}});
    EXPECT_TRUE(stats && *stats);
}

TEST_F(BackendClientTest, ASilentBackendGivesATimeoutAndItsLateAnswerIsDropped)
{
    auto& result = start(client->list(0ms));
    while (!result)
        io.run_one();
    EXPECT_EQ(result->error().code, Code::timeout);
    answer(1, DeviceList{});
    EXPECT_FALSE(closed);
}

TEST_F(BackendClientTest, EventsReachTheirHandler)
{
    EXPECT_TRUE(
        send_datagram(peer.get(), *encode(BackendFrame{0, Event{DeviceStopped{7, "gone"}}}), {})
    );
    pump();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(std::get<DeviceStopped>(events[0]).reason, "gone");
}

TEST_F(BackendClientTest, TheEndOfTheBackendFailsEveryCallAndIsReportedOnce)
{
    auto& result = start(client->list(10s));
    peer.reset();
    pump();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->error().code, Code::unreachable);
    ASSERT_TRUE(closed);
    auto& later = start(client->stats(1, 10s));
    ASSERT_TRUE(later);
    EXPECT_EQ(later->error().code, Code::unreachable);
}

TEST_F(BackendClientTest, GarbageFromTheBackendEndsTheConnection)
{
    const Bytes garbage(20, std::byte{0x5a});
    EXPECT_TRUE(send_datagram(peer.get(), garbage, {}));
    pump();
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->code, Code::failed);
}

TEST_F(BackendClientTest, AnAnswerOfTheWrongTypeIsAnErrorOfThatCallOnly)
{
    auto& result = start(client->list(10s));
    answer(1, Done{});
    ASSERT_TRUE(result);
    EXPECT_FALSE(*result);
    EXPECT_FALSE(closed);
}

TEST_F(BackendClientTest, ACallSurvivesTheClientItWasMadeOn)
{
    auto& result = start(client->list(10s));
    client.reset();
    pump();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->error().code, Code::unreachable);
    EXPECT_FALSE(closed);
}

} // namespace
} // namespace zocalo::backend
