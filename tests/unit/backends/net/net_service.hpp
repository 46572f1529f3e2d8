// SPDX-License-Identifier: Apache-2.0
// NetServiceTest: the whole backend but the control socket: a guest in plain memory on one side, a
// real tap in a network namespace of the test's own on the other.
#pragma once

#include "backends/net/net_service.hpp"
#include "common/xen-sys/fake/fake_event_channels.hpp"
#include "tests/unit/backends/net/frames.hpp"
#include "tests/unit/backends/net/frontend.hpp"
#include "tests/unit/toolstackd/sys/network_namespace.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

namespace zocalo::net::test {

using backend::Answer;
using backend::Feature;

inline constexpr EventPort kTxPort{11};
inline constexpr EventPort kRxPort{12};

constexpr std::uint32_t bits(std::initializer_list<Feature> features)
{
    std::uint32_t out = 0;
    for (const Feature f : features)
        out |= static_cast<std::uint32_t>(f);
    return out;
}

class NetServiceTest : public toolstack::NetworkNamespace {
  protected:
    NetServiceTest()
        : grants_{kGuest}, pump_{io_, events_}, service_{
                                                    {io_, pump_, grants_, arena_, ring_.get()},
                                                    kGuest}
    {
        service_.on_event([this](backend::Event event) { seen_.push_back(std::move(event)); });
        grants_.grant_ring({GrantRef{kTxRef}}, tx_.pages());
        grants_.grant_ring({GrantRef{kRxRef}}, rx_.pages());
        request_.frontend = kGuest;
        request_.features = bits({Feature::rx_copy, Feature::rx_notify, Feature::scatter_gather});
        request_.queues = {{{GrantRef{kTxRef}, GrantRef{kRxRef}}, {kTxPort, kRxPort}}};
    }

    Answer ask(backend::Request request, std::vector<UniqueFd> fds = {})
    {
        Answer out;
        service_.handle(std::move(request), std::move(fds), [&out](Answer answer) {
            out = std::move(answer);
        });
        return out;
    }
    Answer add(std::vector<UniqueFd> taps)
    {
        backend::AddNic nic;
        nic.queues = static_cast<std::uint32_t>(taps.size());
        nic.label = "vif5.0";
        return ask(nic, std::move(taps));
    }
    // A card on a port of br0, with a raw socket that sees what the tap sees.
    void plug_in()
    {
        make_link("br0", "bridge");
        toolstack::Tap tap = make_tap("vif5.0");
        ASSERT_TRUE(std::holds_alternative<backend::Ready>(add(std::move(tap.queues))));
        ASSERT_TRUE(toolstack::attach_port(*netlink_, {.link = "vif5.0", .bridge = "br0"}));
        listen_on("vif5.0");
    }
    void listen_on(const char* link)
    {
        wire_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL)));
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(if_nametoindex(link));
        ASSERT_EQ(::bind(wire_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    // Lets the loop run until `done` or far too long.
    template <class Done> bool run_until(Done done)
    {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!done()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            io_.run_for(std::chrono::milliseconds{10});
            io_.restart();
        }
        return true;
    }
    // The next frame on the wire that starts like `frame`; others (the host's own) are skipped.
    bool wire_saw(const Frame& frame)
    {
        Frame got(2048);
        ssize_t size;
        while ((size = ::recv(wire_.get(), got.data(), got.size(), 0)) > 0)
            if (static_cast<std::size_t>(size) == frame.size() &&
                std::equal(frame.begin(), frame.end(), got.begin()))
                return true;
        return false;
    }
    // Frames sent to it arrive; the kernel's link watch takes its time.
    bool running()
    {
        const auto link = toolstack::find_link(*netlink_, "vif5.0");
        return link && *link && (*link)->running;
    }
    void kick(EventPort remote) { events_.raise(events_.local_of(remote)); }

    boost::asio::io_context io_{1};
    xen::FakeEventChannels events_;
    xen::FakeGrantTable grants_;
    backend::EventPump pump_;
    TxFront tx_;
    RxFront rx_;
    Arena arena_;
    std::unique_ptr<WriteRing> ring_ = WriteRing::create();
    NetService service_;
    std::vector<backend::Event> seen_;
    backend::Connect request_;
    UniqueFd wire_;
};

} // namespace zocalo::net::test
