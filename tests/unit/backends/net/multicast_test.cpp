// SPDX-License-Identifier: Apache-2.0
#include "backends/net/multicast.hpp"
#include "backends/net/rx_queue.hpp"
#include "backends/net/tx_queue.hpp"
#include "tests/unit/backends/net/frames.hpp"
#include "tests/unit/backends/net/frontend.hpp"

#include <gtest/gtest.h>

namespace zocalo::net {
namespace {

using namespace test;

constexpr MulticastFilter::Address kGroup{0x33, 0x33, 0, 0, 0, 1};

Frame to(MulticastFilter::Address address)
{
    Frame frame(60, 0);
    std::copy(address.begin(), address.end(), frame.begin());
    return frame;
}

TEST(MulticastFilter, PassesWhatWasNamedOnceItWasAskedFor)
{
    MulticastFilter filter;
    EXPECT_TRUE(filter.passes(to(kGroup))); // nobody asked
    filter.start(true, false);
    EXPECT_FALSE(filter.passes(to(kGroup)));
    EXPECT_TRUE(filter.passes(to({0xff, 0xff, 0xff, 0xff, 0xff, 0xff})));
    EXPECT_TRUE(filter.passes(to({0, 0x16, 0x3e, 0, 0, 1})));
    EXPECT_TRUE(filter.passes(Frame(3, 0x33))); // too short to be judged here
    EXPECT_TRUE(filter.add(kGroup));
    EXPECT_TRUE(filter.add(kGroup)); // again
    EXPECT_TRUE(filter.passes(to(kGroup)));
    EXPECT_TRUE(filter.remove(kGroup));
    EXPECT_FALSE(filter.remove(kGroup));
    EXPECT_FALSE(filter.passes(to(kGroup)));
    EXPECT_FALSE(filter.add({0, 0x16, 0x3e, 0, 0, 1})); // no group address
}

TEST(MulticastFilter, IsBoundedAndForgetsWithTheConnection)
{
    MulticastFilter filter;
    filter.start(true, false);
    for (std::uint8_t i = 0; i < MulticastFilter::kMost; ++i)
        EXPECT_TRUE(filter.add({1, 0, 0, 0, 0, i}));
    EXPECT_FALSE(filter.add({1, 0, 0, 0, 1, 0}));
    EXPECT_TRUE(filter.remove({1, 0, 0, 0, 0, 3}));
    EXPECT_TRUE(filter.add({1, 0, 0, 0, 1, 0}));
    EXPECT_TRUE(filter.passes(to({1, 0, 0, 0, 0, 63})));
    filter.start(true, false);
    EXPECT_FALSE(filter.passes(to({1, 0, 0, 0, 0, 63})));
    filter.start(true, true); // a process that does not know what was named
    EXPECT_TRUE(filter.passes(to({1, 0, 0, 0, 0, 63})));
}

TEST(MulticastFilter, AMessageOnTheRingIsAnsweredAndHolds)
{
    MulticastFilter filter;
    filter.start(true, false);
    xen::FakeGrantTable grants{kGuest};
    Arena arena;
    TapPair pair;
    Tap tap{std::move(pair.back)};
    TxFront tx_front;
    TxQueue tx{
        *xen::BackRing::attach(tx_front.pages(), 12), kGuest, grants, arena, tap, {}, &filter};
    netif_extra_info info{};
    info.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
    std::copy(kGroup.begin(), kGroup.end(), info.u.mcast.addr);
    netif_tx_request slot{};
    std::memcpy(&slot, &info, sizeof info);
    tx_front.put(tx_slot(0, NETTXF_extra_info, 0, 9));
    tx_front.put(slot);
    tx.serve();
    const auto answers = tx_front.take();
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].id, 9);
    EXPECT_EQ(answers[0].status, NETIF_RSP_OKAY);
    EXPECT_EQ(answers[1].status, NETIF_RSP_NULL);
    EXPECT_EQ(tx.stats().dropped, 0u);

    RxFront rx_front;
    RxRing ring{*xen::BackRing::attach(rx_front.pages(), 8)};
    RxQueue rx{ring, kGuest, {true, true, true, true, true}, grants, arena, tap, &filter};
    for (std::uint32_t i = 0; i < 4; ++i) {
        grants.page(200 + i);
        rx_front.put({static_cast<std::uint16_t>(i), 0, 200 + i});
    }
    ASSERT_TRUE(pair.send({}, to({0x33, 0x33, 0, 0, 0, 2})));
    ASSERT_TRUE(pair.send({}, to(kGroup)));
    rx.serve();
    EXPECT_EQ(rx_front.take().size(), 1u);
    EXPECT_EQ(rx.stats().filtered, 1u);
    EXPECT_EQ(rx.stats().packets, 1u);
}

} // namespace
} // namespace zocalo::net
