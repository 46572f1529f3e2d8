// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/backends/net/net_service.hpp"

#include <gmock/gmock.h>

#include <map>
#include <sys/mman.h>

namespace zocalo::net {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(NetServiceTest, FeaturesAreThoseThatAreImplemented)
{
    toolstack::Tap tap = make_tap("vif5.0");
    const Answer answer = add(std::move(tap.queues));
    const auto* ready = std::get_if<backend::Ready>(&answer);
    ASSERT_TRUE(ready);
    for (const backend::Node& node : ready->features) {
        EXPECT_TRUE(backend::publishable(node.key)) << node.key;
        EXPECT_NE(node.key, "multi-queue-max-queues") << "one tap, one queue";
    }
}

TEST_F(NetServiceTest, WhatACardShallNotLeaveToTheGuestIsNotOffered)
{
    toolstack::Tap tap = make_tap("vif5.0");
    backend::AddNic nic;
    nic.label = "vif5.0";
    nic.scatter_gather = nic.checksums = false;
    const Answer answer = ask(nic, std::move(tap.queues));
    const auto* ready = std::get_if<backend::Ready>(&answer);
    ASSERT_TRUE(ready);
    std::map<std::string, std::string> said;
    for (const backend::Node& node : ready->features)
        said[node.key] = node.value;
    EXPECT_EQ(said["feature-sg"], "0");
    EXPECT_EQ(said["feature-gso-tcpv4"] + said["feature-gso-tcpv6"], "00");
    EXPECT_EQ(said["feature-no-csum-offload"] + said["feature-ipv6-csum-offload"], "10");
    backend::Connect all;
    all.features = bits(
        {Feature::scatter_gather,
         Feature::gso_tcpv4,
         Feature::gso_tcpv6,
         Feature::ipv6_csum_offload}
    );
    EXPECT_EQ(offloads_of(nic, all), (GuestOffloads{.checksum_v4 = false}));
    nic.scatter_gather = nic.checksums = true;
    EXPECT_EQ(offloads_of(nic, all), (GuestOffloads{true, true, true, true, true, 0}));
}

TEST_F(NetServiceTest, FramesPassBetweenGuestAndTap)
{
    plug_in();
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(request_)));

    const Frame out = ipv4(17, udp(bytes("from the guest")));
    fill(grants_, 100, 0, out);
    tx_.put(tx_slot(static_cast<unsigned>(out.size()), 0, 0, 1, 100));
    kick(kTxPort);
    ASSERT_TRUE(run_until([&] { return wire_saw(out); }));
    EXPECT_EQ(tx_.take().size(), 1u);
    EXPECT_EQ(events_.notified(events_.local_of(kTxPort)), 1u);

    for (std::uint16_t id = 0; id < 64; ++id) {
        grants_.page(200u + id);
        rx_.put({id, 0, 200u + id});
    }
    kick(kRxPort);
    Frame in = ipv4(17, udp(bytes("to the guest")));
    in[0] = 2; // not the same bytes as above
    ASSERT_EQ(::send(wire_.get(), in.data(), in.size(), 0), static_cast<ssize_t>(in.size()));
    std::vector<Frame> received;
    ASSERT_TRUE(run_until([&] {
        for (const auto& answer : rx_.take()) {
            const auto* data =
                reinterpret_cast<std::uint8_t*>(grants_.page(200u + answer.id).data());
            received.emplace_back(data, data + answer.status);
        }
        return std::ranges::find(received, in) != received.end();
    }));
    EXPECT_GT(events_.notified(events_.local_of(kRxPort)), 0u);
}

TEST_F(NetServiceTest, FramesOfOneBatchLeaveInTheirOrder)
{
    plug_in();
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(request_)));
    constexpr unsigned kFrames = 100; // more than a batch
    std::vector<Frame> out;
    for (unsigned i = 0; i < kFrames; ++i) {
        out.push_back(ipv4(17, udp(bytes("frame " + std::to_string(i)))));
        fill(grants_, 100 + i, 0, out.back());
        tx_.push_hidden(tx_slot(static_cast<unsigned>(out.back().size()), 0, 0, i, 100 + i));
    }
    tx_.show();
    kick(kTxPort);
    ASSERT_TRUE(run_until([&, at = 0u]() mutable {
        while (at < kFrames && wire_saw(out[at]))
            ++at;
        return at == kFrames;
    }));
    for (const netif_tx_response& answer : tx_.take())
        EXPECT_EQ(answer.status, NETIF_RSP_OKAY) << answer.id;
}

TEST_F(NetServiceTest, AConnectedGuestChangesItsHeadroom)
{
    plug_in();
    EXPECT_TRUE(std::holds_alternative<backend::Failed>(ask(backend::SetHeadroom{7, 256})));
    ASSERT_TRUE(run_until([&] { return !running(); }));
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(request_)));
    ASSERT_TRUE(run_until([&] { return running(); }));
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(backend::SetHeadroom{0, 256})));
    for (std::uint16_t id = 0; id < 64; ++id) {
        grants_.page(200u + id);
        rx_.put({id, 0, 200u + id});
    }
    kick(kRxPort);
    const Frame in = ipv4(17, udp(bytes("to the guest")));
    ASSERT_EQ(::send(wire_.get(), in.data(), in.size(), 0), static_cast<ssize_t>(in.size()));
    ASSERT_TRUE(run_until([&] {
        return std::ranges::any_of(rx_.take(), [](const netif_rx_response& answer) {
            return (answer.flags & NETRXF_extra_info) != 0 && answer.offset == 256;
        });
    }));
    // The next connection begins without.
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(backend::Disconnect{})));
    EXPECT_TRUE(std::holds_alternative<backend::Done>(ask(backend::SetHeadroom{0, 512})));
}

TEST_F(NetServiceTest, TheNextProcessGoesOnWithTheSameRings)
{
    const UniqueFd journal{::memfd_create("journal", MFD_CLOEXEC)};
    const auto add_with_journal = [&](NetService& service) {
        toolstack::Tap tap = make_tap("vif5.0");
        backend::AddNic nic;
        nic.label = "vif5.0";
        tap.queues.emplace_back(::dup(journal.get()));
        Answer out;
        service.handle(nic, std::move(tap.queues), [&out](Answer a) { out = std::move(a); });
        return std::holds_alternative<backend::Ready>(out);
    };
    const auto connect = [&](NetService& service, bool resume) {
        request_.resume = resume;
        Answer out;
        service.handle(request_, {}, [&out](Answer a) { out = std::move(a); });
        return std::holds_alternative<backend::Done>(out);
    };
    auto first = std::make_unique<NetService>(Surroundings{io_, pump_, grants_, arena_}, kGuest);
    ASSERT_TRUE(add_with_journal(*first));
    ASSERT_TRUE(connect(*first, false));
    const Frame out = ipv4(17, udp(bytes("from the guest")));
    fill(grants_, 100, 0, out);
    tx_.put(tx_slot(static_cast<unsigned>(out.size()), 0, 0, 1, 100));
    kick(kTxPort);
    ASSERT_TRUE(run_until([&] { return tx_.take().size() == 1; }));
    // It dies with a packet taken and its answer written, but not shown to the guest.
    first.reset();
    {
        const NetJournal open = NetJournal::open(UniqueFd{::dup(journal.get())}).value();
        RingLog log = open.tx(0);
        log.begin({kGuest.value, kTxRef, kTxPort.value});
        log.taken(1);
        log.answered(1);
        tx_.put(tx_slot(static_cast<unsigned>(out.size()), 0, 0, 7, 100));
        log.note(1, 7);
        log.taken(2);
        RingLog rx = open.rx(0);
        rx.begin({kGuest.value, kRxRef, kTxPort.value});
    }
    NetService second{{io_, pump_, grants_, arena_}, kGuest};
    ASSERT_TRUE(add_with_journal(second));
    ASSERT_TRUE(connect(second, true));
    auto answers = tx_.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].id, 7);
    EXPECT_EQ(answers[0].status, NETIF_RSP_ERROR);
    EXPECT_GT(events_.notified(events_.local_of(kTxPort)), 0u);
    tx_.put(tx_slot(static_cast<unsigned>(out.size()), 0, 0, 8, 100));
    kick(kTxPort);
    ASSERT_TRUE(run_until([&] {
        answers = tx_.take();
        return !answers.empty();
    }));
    EXPECT_EQ(answers[0].id, 8);
    EXPECT_NE(answers[0].status, NETIF_RSP_ERROR);
}

TEST_F(NetServiceTest, HostileRingStopsItsCardOnly)
{
    plug_in();
    toolstack::Tap second = make_tap("vif5.1");
    backend::AddNic nic;
    nic.device = 1;
    nic.label = "vif5.1";
    ASSERT_TRUE(std::holds_alternative<backend::Ready>(ask(nic, std::move(second.queues))));
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(request_)));
    tx_.set(xen::kRingReqProd, 100000);
    kick(kTxPort);
    ASSERT_TRUE(run_until([&] { return !seen_.empty(); }));
    const auto& stopped = std::get<backend::DeviceStopped>(seen_.front());
    EXPECT_EQ(stopped.device, 0u);
    EXPECT_THAT(stopped.reason, HasSubstr("impossible"));
    EXPECT_EQ(grants_.mapped, 0u);
    EXPECT_EQ(events_.bound(), 0u);

    const Answer listed = ask(backend::ListDevices{});
    const auto& devices = std::get<backend::DeviceList>(listed).devices;
    ASSERT_EQ(devices.size(), 2u);
    EXPECT_EQ(devices[0].state, backend::DeviceState::stopped);
    EXPECT_EQ(devices[1].state, backend::DeviceState::idle);

    tx_.set(xen::kRingReqProd, 0); // a frontend that starts over
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(backend::Disconnect{0})));
    EXPECT_TRUE(std::holds_alternative<backend::Done>(ask(request_)));
}

TEST_F(NetServiceTest, DisconnectAndRemoveLeaveNothing)
{
    plug_in();
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(request_)));
    EXPECT_EQ(grants_.mapped, 2u);
    EXPECT_EQ(events_.bound(), 2u);
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(backend::Disconnect{0})));
    EXPECT_EQ(grants_.mapped, 0u);
    EXPECT_EQ(events_.bound(), 0u);
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(backend::RemoveDevice{0})));
    EXPECT_THAT(toolstack::names(toolstack::list_links(*netlink_, "vif")), IsEmpty());
}

TEST_F(NetServiceTest, FailedConnectLeavesNothingMapped)
{
    plug_in();
    request_.queues[0].refs[1] = GrantRef{4711};
    const Answer answer = ask(request_);
    EXPECT_TRUE(std::holds_alternative<backend::Failed>(answer));
    EXPECT_EQ(grants_.mapped, 0u);
    EXPECT_EQ(events_.bound(), 0u);
    request_.queues[0].refs[1] = GrantRef{kRxRef};
    EXPECT_TRUE(std::holds_alternative<backend::Done>(ask(request_)));
}

TEST_F(NetServiceTest, OtherDomainsAreRefused)
{
    plug_in();
    request_.frontend = DomId{6};
    EXPECT_TRUE(std::holds_alternative<backend::Failed>(ask(request_)));
}

TEST_F(NetServiceTest, FrontendThatFlipsPagesIsRefusedWithAReason)
{
    plug_in();
    request_.features = 0;
    const Answer answer = ask(request_);
    ASSERT_TRUE(std::holds_alternative<backend::Failed>(answer));
    EXPECT_THAT(std::get<backend::Failed>(answer).next, HasSubstr("request-rx-copy"));
}

TEST_F(NetServiceTest, DescriptorThatIsNoTapIsRefused)
{
    std::vector<UniqueFd> fds;
    TapPair sockets;
    fds.push_back(std::move(sockets.back));
    const Answer answer = add(std::move(fds));
    ASSERT_TRUE(std::holds_alternative<backend::Failed>(answer));
    EXPECT_THAT(std::get<backend::Failed>(answer).next, HasSubstr("IFF_VNET_HDR"));
}

TEST_F(NetServiceTest, CarrierFollowsTheConnection)
{
    plug_in();
    EXPECT_TRUE(run_until([&] { return !running(); }));
    ask(request_);
    EXPECT_TRUE(run_until([&] { return running(); }));
    ask(backend::Disconnect{0});
    EXPECT_TRUE(run_until([&] { return !running(); }));
}

} // namespace
} // namespace zocalo::net
