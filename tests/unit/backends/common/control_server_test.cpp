// SPDX-License-Identifier: Apache-2.0
#include "backends/common/control_server.hpp"
#include "common/backend-ctl/channel.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace zocalo::backend {
namespace {

struct Recorder final : Service {
    std::vector<Request> seen;
    std::vector<std::size_t> fds_seen;
    std::vector<Reply> replies;
    void handle(Request request, std::vector<UniqueFd> fds, Reply reply) override
    {
        seen.push_back(std::move(request));
        fds_seen.push_back(fds.size());
        replies.push_back(std::move(reply));
    }
};

struct ControlServerTest : testing::Test {
    boost::asio::io_context io;
    Recorder service;
    bool ended = false;
    sockaddr_un address{};
    std::unique_ptr<ControlServer> server;

    ControlServerTest()
    {
        // An abstract name: nothing to clean up, and the kernel chooses it.
        UniqueFd listening{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        address.sun_family = AF_UNIX;
        EXPECT_EQ(::bind(listening.get(), base(), sizeof(sa_family_t)), 0);
        EXPECT_EQ(::listen(listening.get(), 4), 0);
        socklen_t length = sizeof address;
        EXPECT_EQ(::getsockname(listening.get(), base(), &length), 0);
        length_ = length;
        server = std::make_unique<ControlServer>(
            io,
            std::move(listening),
            ControlServer::Identity{Kind::blk, DomId{7}},
            service,
            [this] { ended = true; }
        );
    }
    sockaddr* base() { return reinterpret_cast<sockaddr*>(&address); }
    UniqueFd daemon()
    {
        UniqueFd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
        EXPECT_EQ(::connect(fd.get(), base(), length_), 0);
        turn();
        return fd;
    }
    void turn()
    {
        io.restart();
        while (io.poll() != 0)
            continue;
    }
    void send(const UniqueFd& to, std::uint32_t sequence, Request request, int fd = -1)
    {
        const std::array fds{fd};
        const auto sent = send_datagram(
            to.get(),
            *encode(RequestFrame{sequence, std::move(request)}),
            std::span{fds}.first(fd < 0 ? 0 : 1)
        );
        EXPECT_TRUE(sent);
        turn();
    }
    std::optional<BackendFrame> receive(const UniqueFd& from)
    {
        auto datagram = receive_datagram(from.get());
        if (!datagram || !*datagram)
            return std::nullopt;
        auto frame = decode_backend((*datagram)->bytes);
        return frame ? std::optional{*frame} : std::nullopt;
    }

  private:
    socklen_t length_ = 0;
};

TEST_F(ControlServerTest, HelloSaysWhoIsThere)
{
    const UniqueFd client = daemon();
    send(client, 5, Hello{});
    const auto frame = receive(client);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->sequence, 5u);
    EXPECT_EQ(
        std::get<HelloAnswer>(std::get<Answer>(frame->body)),
        (HelloAnswer{kProtocolVersion, Kind::blk, DomId{7}})
    );
    EXPECT_TRUE(service.seen.empty());
}

TEST_F(ControlServerTest, RequestsReachTheServiceWithTheirDescriptors)
{
    const UniqueFd client = daemon();
    const UniqueFd image{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    send(client, 1, AddDisk{}, image.get());
    send(client, 2, ListDevices{});
    ASSERT_EQ(service.seen.size(), 2u);
    EXPECT_EQ(service.fds_seen, (std::vector<std::size_t>{1, 0}));
    service.replies[1](DeviceList{});
    service.replies[0](Failed{"no", {}});
    EXPECT_EQ(receive(client)->sequence, 2u);
    EXPECT_EQ(receive(client)->sequence, 1u);
}

TEST_F(ControlServerTest, ARestartedDaemonReplacesTheOldOneAndGetsTheEvents)
{
    UniqueFd first = daemon();
    send(first, 1, ListDevices{});
    const UniqueFd second = daemon();
    server->send_event(DeviceStopped{1, "broken"});
    turn();
    const auto event = receive(second);
    ASSERT_TRUE(event);
    EXPECT_TRUE(std::holds_alternative<Event>(event->body));
    service.replies[0](DeviceList{}); // the asker is gone: dropped, not given to the other
    turn();
    EXPECT_FALSE(receive(second));
    send(second, 1, Hello{});
    EXPECT_TRUE(receive(second));
}

TEST_F(ControlServerTest, ADaemonThatDiesChangesNothing)
{
    UniqueFd first = daemon();
    send(first, 1, ListDevices{});
    first.reset();
    turn();
    service.replies[0](DeviceList{});
    server->send_event(DeviceStopped{1, "nobody listens"});
    turn();
    EXPECT_FALSE(ended);
    const UniqueFd second = daemon();
    send(second, 1, Hello{});
    EXPECT_TRUE(receive(second));
}

TEST_F(ControlServerTest, GarbageEndsTheConnectionOnly)
{
    const UniqueFd client = daemon();
    EXPECT_TRUE(send_datagram(client.get(), Bytes(7, std::byte{1}), {}));
    turn();
    auto end = receive_datagram(client.get());
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Code::unreachable);
    const UniqueFd next = daemon();
    send(next, 1, Hello{});
    EXPECT_TRUE(receive(next));
}

TEST_F(ControlServerTest, ShutdownEndsAfterItsAnswer)
{
    const UniqueFd client = daemon();
    send(client, 9, Shutdown{});
    EXPECT_FALSE(ended);
    service.replies[0](Done{});
    turn();
    EXPECT_TRUE(ended);
    EXPECT_EQ(receive(client)->sequence, 9u);
}

} // namespace
} // namespace zocalo::backend
