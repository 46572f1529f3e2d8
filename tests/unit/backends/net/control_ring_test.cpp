// SPDX-License-Identifier: Apache-2.0
// A guest with two queues and a control ring, as a process serves it and the next one after it.
#include "tests/unit/backends/net/net_service.hpp"

#include <gmock/gmock.h>

#include <sys/mman.h>

namespace zocalo::net {
namespace {

using namespace test;
using ::testing::HasSubstr;

constexpr std::uint32_t kKeyRef = 300;
constexpr std::uint32_t kTableRef = 301;
constexpr EventPort kControlPort{13};
constexpr EventPort kTxPort2{14};
constexpr EventPort kRxPort2{15};

class ControlRingTest : public NetServiceTest {
  protected:
    ControlRingTest()
    {
        grants_.grant_ring({GrantRef{20}}, tx2_.pages());
        grants_.grant_ring({GrantRef{21}}, rx2_.pages());
        grants_.grant_ring({GrantRef{kControlRef}}, control_.pages());
        request_.queues.push_back({{GrantRef{20}, GrantRef{21}}, {kTxPort2, kRxPort2}});
        request_.control = backend::ControlRing{GrantRef{kControlRef}, kControlPort};
        grants_.page(kKeyRef).fill(std::byte{0x6d});
        const std::uint32_t second = 1;
        std::memcpy(grants_.page(kTableRef).data(), &second, sizeof second);
    }
    // A card with two queues on a port of br0, its journal the test's.
    bool plug_two_in(NetService& service)
    {
        auto tap = toolstack::create_tap("vif5.0", 2);
        if (!tap || tap->queues.size() != 2)
            return false;
        backend::AddNic nic;
        nic.queues = 2;
        nic.label = "vif5.0";
        tap->queues.emplace_back(::dup(journal_.get()));
        if (!std::holds_alternative<backend::Ready>(tell(service, nic, std::move(tap->queues))))
            return false;
        return toolstack::attach_port(*netlink_, {.link = "vif5.0", .bridge = "br0"}).has_value();
    }
    static Answer
    tell(NetService& service, backend::Request request, std::vector<UniqueFd> fds = {})
    {
        Answer out;
        service.handle(std::move(request), std::move(fds), [&out](Answer a) {
            out = std::move(a);
        });
        return out;
    }
    bool connect(NetService& service, bool resume = false)
    {
        request_.resume = resume;
        return std::holds_alternative<backend::Done>(tell(service, request_));
    }
    // Connected, and what is sent to it on the wire arrives.
    bool begin(NetService& service, bool resume = false)
    {
        if (!plug_two_in(service) || !run_until([this] { return !running(); }))
            return false;
        listen_on("vif5.0");
        return connect(service, resume) && run_until([this] { return running(); });
    }
    // All frames that can be hashed go to the second queue.
    void set_hash()
    {
        control_.put(control_request(
            XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ
        ));
        control_.put(control_request(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 15));
        control_.put(control_request(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, kKeyRef, 40));
        control_.put(control_request(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 1));
        control_.put(control_request(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kTableRef, 1, 0));
        kick(kControlPort);
    }
    bool hears_success(std::size_t answers)
    {
        std::size_t heard = 0;
        return run_until([&] {
            for (const auto& answer : control_.take())
                heard += answer.status == XEN_NETIF_CTRL_STATUS_SUCCESS;
            return heard == answers;
        });
    }
    void post(RxFront& front, std::uint32_t first_ref, unsigned buffers)
    {
        for (std::uint16_t id = 0; id < buffers; ++id) {
            grants_.page(first_ref + id);
            front.put({id, 0, first_ref + id});
        }
    }
    // Arrives on the wire; the kernel chooses one of the taps.
    bool send(const Frame& frame)
    {
        return ::send(wire_.get(), frame.data(), frame.size(), 0) ==
               static_cast<ssize_t>(frame.size());
    }
    // The frame, and that it has an extra-info slot; others (the host's own) are skipped.
    bool second_queue_got(const Frame& frame)
    {
        for (const netif_rx_response& answer : rx2_.take()) {
            const auto* data =
                reinterpret_cast<std::uint8_t*>(grants_.page(500u + answer.id).data());
            if (answer.status == static_cast<int>(frame.size()) &&
                (answer.flags & NETRXF_extra_info) != 0 &&
                std::equal(frame.begin(), frame.end(), data))
                return true;
        }
        return false;
    }
    // What is due now, and no timer that is not.
    void work()
    {
        for (int i = 0; i < 20; ++i) {
            io_.poll();
            io_.restart();
        }
    }

    TxFront tx2_;
    RxFront rx2_;
    ControlFront control_;
    UniqueFd journal_{::memfd_create("journal", MFD_CLOEXEC)};
    const Frame in_ = ipv4(17, udp(bytes("to the guest")));
};

TEST_F(ControlRingTest, AGuestSteersWhatItReceives)
{
    make_link("br0", "bridge");
    ASSERT_TRUE(begin(service_));
    EXPECT_EQ(grants_.mapped, 5u);
    EXPECT_EQ(events_.bound(), 5u);
    set_hash();
    ASSERT_TRUE(hears_success(5));
    EXPECT_GT(events_.notified(events_.local_of(kControlPort)), 0u);
    post(rx_, 200, 64);
    post(rx2_, 500, 64);
    kick(kRxPort);
    kick(kRxPort2);
    ASSERT_TRUE(send(in_));
    EXPECT_TRUE(run_until([&] { return second_queue_got(in_); }));
    EXPECT_GT(events_.notified(events_.local_of(kRxPort2)), 0u);
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(backend::Disconnect{0})));
    EXPECT_EQ(grants_.mapped, 0u);
    EXPECT_EQ(events_.bound(), 0u);
}

TEST_F(ControlRingTest, RoomOnOneQueueMovesTheFrameThatAnotherHolds)
{
    make_link("br0", "bridge");
    ASSERT_TRUE(begin(service_));
    set_hash();
    ASSERT_TRUE(hears_success(5));
    post(rx_, 200, 64);
    kick(kRxPort);
    ASSERT_TRUE(send(in_));
    work(); // whichever queue the kernel chose holds it now
    EXPECT_TRUE(rx2_.take().empty());
    post(rx2_, 500, 64);
    kick(kRxPort2);
    work();
    EXPECT_TRUE(second_queue_got(in_));
}

TEST_F(ControlRingTest, AFrameThatWaitsGoesElsewhereOnceTheSettingsSaySo)
{
    make_link("br0", "bridge");
    ASSERT_TRUE(begin(service_));
    set_hash();
    ASSERT_TRUE(hears_success(5));
    post(rx_, 200, 64);
    kick(kRxPort);
    ASSERT_TRUE(send(in_));
    work();
    EXPECT_TRUE(rx_.take().empty());
    EXPECT_TRUE(rx2_.take().empty());
    const std::uint32_t first = 0;
    std::memcpy(grants_.page(kTableRef).data(), &first, sizeof first);
    control_.put(control_request(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kTableRef, 1, 0));
    kick(kControlPort);
    work();
    EXPECT_GE(rx_.take().size(), 2u);
}

TEST_F(ControlRingTest, TheNextProcessKnowsTheSettings)
{
    make_link("br0", "bridge");
    auto first = std::make_unique<NetService>(Surroundings{io_, pump_, grants_, arena_}, kGuest);
    ASSERT_TRUE(plug_two_in(*first));
    ASSERT_TRUE(connect(*first));
    set_hash();
    ASSERT_TRUE(hears_success(5));
    first.reset(); // it dies, and is asked meanwhile
    control_.put(control_request(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS));

    NetService second{{io_, pump_, grants_, arena_}, kGuest};
    post(rx_, 200, 64);
    post(rx2_, 500, 64);
    ASSERT_TRUE(begin(second, true));
    EXPECT_GT(events_.notified(events_.local_of(kControlPort)), 0u);
    EXPECT_TRUE(hears_success(1));
    ASSERT_TRUE(send(in_));
    EXPECT_TRUE(run_until([&] { return second_queue_got(in_); }));
}

TEST_F(ControlRingTest, AHostileControlRingStopsItsCard)
{
    make_link("br0", "bridge");
    ASSERT_TRUE(plug_two_in(service_));
    ASSERT_TRUE(connect(service_));
    control_.set(xen::kRingReqProd, 100000);
    kick(kControlPort);
    ASSERT_TRUE(run_until([&] { return !seen_.empty(); }));
    EXPECT_THAT(std::get<backend::DeviceStopped>(seen_.front()).reason, HasSubstr("control ring"));
    EXPECT_EQ(grants_.mapped, 0u);
    EXPECT_EQ(events_.bound(), 0u);
}

TEST_F(ControlRingTest, AControlRingThatCannotBeMappedLeavesNothing)
{
    make_link("br0", "bridge");
    ASSERT_TRUE(plug_two_in(service_));
    request_.control->ref = GrantRef{4711};
    EXPECT_FALSE(connect(service_));
    EXPECT_EQ(grants_.mapped, 0u);
    EXPECT_EQ(events_.bound(), 0u);
    request_.control->ref = GrantRef{kControlRef};
    EXPECT_TRUE(connect(service_));
}

TEST_F(ControlRingTest, ACardWithoutOneAfterACardWithOne)
{
    make_link("br0", "bridge");
    ASSERT_TRUE(plug_two_in(service_));
    ASSERT_TRUE(connect(service_));
    ASSERT_TRUE(std::holds_alternative<backend::Done>(ask(backend::Disconnect{0})));
    request_.control.reset();
    ASSERT_TRUE(connect(service_));
    EXPECT_EQ(grants_.mapped, 4u);
}

} // namespace
} // namespace zocalo::net
