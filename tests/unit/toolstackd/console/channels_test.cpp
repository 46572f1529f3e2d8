// SPDX-License-Identifier: Apache-2.0
// Channels over fake devices and a store in memory: the test plays the guest, and the client.
#include "common/xen-sys/fake/fake_event_channels.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/toolstackd/console/memory_store.hpp"
#include "toolstackd/console/pv_channels.hpp"
#include "toolstackd/sys/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <xen/io/console.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>

namespace zocalo::toolstack {
namespace {

namespace asio = boost::asio;

constexpr DomId kGuest{5};
constexpr EventPort kPort{3};
constexpr GrantRef kRef{9};
constexpr const char* kFront = "/local/domain/5/device/console/1";
constexpr const char* kBack = "/local/domain/0/backend/console/5/1";

class ChannelsTest : public testing::Test {
  protected:
    ChannelsTest()
    {
        set_log_sink([this](LogLevel, std::string_view text) { logged += text; });
        char name[] = "/tmp/zocalo-channel-XXXXXX";
        folder = mkdtemp(name);
        config.devid = 1;
        config.name = "agent";
        config.connection = "socket";
        config.path = folder + "/agent.sock";
        grants.grant_ring({kRef}, std::as_writable_bytes(std::span(page_memory)));
        store.nodes["/local/domain/5/vm"] = "/vm/" + rpc::text(uuid);
        channels.start();
    }
    ~ChannelsTest() override
    {
        asio::co_spawn(context, channels.stop(), [](const std::exception_ptr&) {});
        settle();
        std::filesystem::remove_all(folder);
        set_log_sink({});
    }

    void settle()
    {
        for (int quiet = 0; quiet < 5;) {
            context.restart();
            quiet = context.poll() == 0 ? quiet + 1 : 0;
        }
    }
    Outcome<Unit> follow()
    {
        std::optional<Outcome<Unit>> result;
        asio::co_spawn(context, follow_into(result), [](const std::exception_ptr& failure) {
            EXPECT_FALSE(failure);
        });
        settle();
        return std::move(*result);
    }
    asio::awaitable<void> follow_into(std::optional<Outcome<Unit>>& result)
    {
        std::vector<rpc::ChannelConfig> one{config};
        auto followed = co_await channels.follow(uuid, kGuest, std::move(one));
        result.emplace(std::move(followed));
    }
    void frontend_connects()
    {
        for (const StoreChange& change : channel_nodes(kGuest, config))
            store.nodes[change.path] = change.value;
        ASSERT_TRUE(follow());
        store.nodes[std::string{kFront} + "/ring-ref"] = std::to_string(kRef.value);
        store.nodes[std::string{kFront} + "/port"] = std::to_string(kPort.value);
        store.set(std::string{kFront} + "/state", "3");
        settle();
    }
    std::string backend_state() { return store.nodes[std::string{kBack} + "/state"]; }
    void guest_says(std::string_view text)
    {
        for (const char c : text)
            page().out[MASK_XENCONS_IDX(page().out_prod++, page().out)] = c;
        events.raise(events.local_of(kPort));
        settle();
    }
    std::string guest_hears()
    {
        std::string text;
        while (page().in_cons != page().in_prod)
            text += page().in[MASK_XENCONS_IDX(page().in_cons++, page().in)];
        return text;
    }
    UniqueFd client()
    {
        UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        config.path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        EXPECT_EQ(
            ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0
        );
        ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
        settle();
        return fd;
    }
    static std::string received(const UniqueFd& fd)
    {
        std::array<char, 65536> bytes{};
        const auto n = ::read(fd.get(), bytes.data(), bytes.size());
        return {bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
    }
    // The kernel carries what is written to a terminal to its other end when it finds the time.
    static constexpr int kPatience = 10'000;
    static std::string awaited(const UniqueFd& fd)
    {
        pollfd there{fd.get(), POLLIN, 0};
        EXPECT_EQ(::poll(&there, 1, kPatience), 1);
        return received(fd);
    }
    xencons_interface& page() { return *reinterpret_cast<xencons_interface*>(page_memory.data()); }

    alignas(4096) std::array<std::byte, 4096> page_memory{};
    std::string folder, logged;
    rpc::Uuid uuid = rpc::random_uuid();
    rpc::ChannelConfig config;
    MemoryStore store;
    xen::FakeEventChannels events;
    xen::FakeGrantTable grants{kGuest};
    asio::io_context context;
    PvChannels channels{context.get_executor(), store, events, grants};
};

TEST_F(ChannelsTest, BytesPassBothWaysOnceTheGuestHasConnected)
{
    frontend_connects();
    EXPECT_EQ(backend_state(), "4");
    const UniqueFd fd = client();
    guest_says("hello");
    EXPECT_EQ(received(fd), "hello");
    ASSERT_EQ(::write(fd.get(), "world", 5), 5);
    settle();
    EXPECT_EQ(guest_hears(), "world");
    EXPECT_GT(events.notified(events.local_of(kPort)), 0U);
}

TEST_F(ChannelsTest, WhatNobodyReadWaitsForTheNextClientAndOneIsServedAtATime)
{
    frontend_connects();
    guest_says("early");
    UniqueFd first = client();
    EXPECT_EQ(received(first), "early");
    const UniqueFd second = client();
    guest_says("for the first");
    EXPECT_EQ(received(first), "for the first");
    EXPECT_EQ(received(second), "");
    first.reset();
    settle();
    guest_says("for the second");
    EXPECT_EQ(received(second), "for the second");
}

TEST_F(ChannelsTest, AGuestThatNobodyReadsWaitsInItsOwnRing)
{
    frontend_connects();
    for (std::size_t sent = 0; sent < Channel::kMostWaiting; sent += 1024)
        guest_says(std::string(1024, 'x'));
    guest_says("kept");
    EXPECT_EQ(page().out_prod - page().out_cons, 4U); // not taken: there is no room
    const UniqueFd fd = client();
    std::string all;
    for (int i = 0; i < 100 && all.size() < Channel::kMostWaiting + 4; ++i) {
        all += received(fd);
        settle();
    }
    EXPECT_EQ(all, std::string(Channel::kMostWaiting, 'x') + "kept");
}

TEST_F(ChannelsTest, AnImpossibleRingEndsTheChannelAndNothingElse)
{
    frontend_connects();
    const EventPort local = events.local_of(kPort);
    page().out_prod = page().out_cons + 5000;
    events.raise(local);
    settle();
    EXPECT_NE(logged.find("impossible"), std::string::npos);
    EXPECT_EQ(grants.mapped, 0U);
    EXPECT_EQ(events.bound(), 0U);
}

TEST_F(ChannelsTest, AFrontendThatClosesAndComesBackIsServedAgain)
{
    frontend_connects();
    store.set(std::string{kFront} + "/state", "6");
    settle();
    EXPECT_EQ(backend_state(), "6");
    EXPECT_EQ(grants.mapped, 0U);
    store.set(std::string{kFront} + "/state", "1");
    settle();
    EXPECT_EQ(backend_state(), "2");
    store.set(std::string{kFront} + "/state", "3");
    settle();
    EXPECT_EQ(backend_state(), "4");
    const UniqueFd fd = client();
    guest_says("again");
    EXPECT_EQ(received(fd), "again");
}

TEST_F(ChannelsTest, NonsenseInTheFrontendsNodesConnectsNothing)
{
    ASSERT_TRUE(follow());
    store.nodes[std::string{kFront} + "/ring-ref"] = "9x";
    store.nodes[std::string{kFront} + "/port"] = "-1";
    store.set(std::string{kFront} + "/state", "3");
    settle();
    EXPECT_EQ(grants.mapped, 0U);
    EXPECT_EQ(store.nodes.count(std::string{kBack} + "/state"), 0U);
}

TEST_F(ChannelsTest, NothingIsWrittenForADomainThatHasGone)
{
    frontend_connects();
    store.nodes["/local/domain/5/vm"] = "/vm/somebody-else";
    store.set(std::string{kFront} + "/state", "6");
    settle();
    EXPECT_EQ(backend_state(), "4");
}

TEST_F(ChannelsTest, OnlyAnOldSocketIsReplacedAndItGoesWithTheDomain)
{
    std::ofstream{config.path} << "precious";
    const auto refused = follow();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::conflict);
    std::filesystem::remove(config.path);
    frontend_connects();
    EXPECT_TRUE(std::filesystem::is_socket(config.path));
    EXPECT_EQ(
        std::filesystem::status(config.path).permissions() & std::filesystem::perms::others_all,
        std::filesystem::perms::none
    );
    channels.close(uuid);
    settle();
    EXPECT_FALSE(std::filesystem::exists(config.path));
}

TEST_F(ChannelsTest, ATerminalIsMadeAndItsPathIsToldInXenstore)
{
    config.connection = "pty";
    config.path.clear();
    frontend_connects();
    const std::string tty = store.nodes[std::string{kFront} + "/tty"];
    ASSERT_TRUE(tty.starts_with("/dev/pts/")) << tty;
    const UniqueFd fd{::open(tty.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK)};
    ASSERT_TRUE(fd);
    guest_says("line\n");
    EXPECT_EQ(awaited(fd), "line\n");
    ASSERT_EQ(::write(fd.get(), "answer\n", 7), 7);
    std::string heard;
    for (int turn = 0; turn < kPatience && heard.empty(); ++turn) {
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
        settle();
        heard = guest_hears();
    }
    EXPECT_EQ(heard, "answer\n");
}

} // namespace
} // namespace zocalo::toolstack
