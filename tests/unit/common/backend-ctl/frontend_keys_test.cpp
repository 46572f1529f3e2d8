// SPDX-License-Identifier: Apache-2.0
#include "common/backend-ctl/frontend_keys.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace zocalo::backend {
namespace {

using Keys = std::map<std::string, std::string, std::less<>>;

FrontendLookup from(const Keys& keys)
{
    return [&keys](std::string_view key) -> std::optional<std::string> {
        const auto found = keys.find(key);
        return found == keys.end() ? std::nullopt : std::optional{found->second};
    };
}

Outcome<Connect> blk(const Keys& keys)
{
    return read_blk_frontend(51712, DomId{5}, from(keys));
}
Outcome<Connect> net(const Keys& keys)
{
    return read_net_frontend(0, DomId{5}, from(keys));
}

TEST(BlkFrontendKeys, ASinglePageRingAsLinuxWritesIt)
{
    auto connect = blk(
        {{"ring-ref", "8"},
         {"event-channel", "15"},
         {"protocol", "x86_64-abi"},
         {"feature-persistent", "1"}}
    );
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_EQ(connect->frontend, DomId{5});
    EXPECT_EQ(connect->abi, RingAbi::x86_64);
    EXPECT_TRUE(connect->has(Feature::persistent));
    ASSERT_EQ(connect->queues.size(), 1u);
    EXPECT_EQ(connect->queues[0], (Queue{{GrantRef{8}}, {EventPort{15}}}));
}

TEST(BlkFrontendKeys, AMultiPageRing)
{
    auto connect = blk(
        {{"ring-page-order", "1"}, {"ring-ref0", "8"}, {"ring-ref1", "9"}, {"event-channel", "15"}}
    );
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_EQ(connect->queues[0].refs, (std::vector{GrantRef{8}, GrantRef{9}}));
    EXPECT_FALSE(blk({{"ring-page-order", "5"}, {"ring-ref0", "8"}, {"event-channel", "15"}}));
    EXPECT_FALSE(blk({{"ring-page-order", "1"}, {"ring-ref0", "8"}, {"event-channel", "15"}}));
}

TEST(BlkFrontendKeys, TheOldNameForPagesIsUnderstood)
{
    auto connect = blk(
        {{"num-ring-pages", "2"}, {"ring-ref0", "8"}, {"ring-ref1", "9"}, {"event-channel", "1"}}
    );
    ASSERT_TRUE(connect);
    EXPECT_EQ(connect->queues[0].refs.size(), 2u);
    EXPECT_FALSE(blk({{"num-ring-pages", "3"}, {"ring-ref0", "8"}, {"event-channel", "1"}}));
}

TEST(BlkFrontendKeys, SeveralQueuesHaveDirectoriesOfTheirOwn)
{
    auto connect = blk(
        {{"multi-queue-num-queues", "2"},
         {"queue-0/ring-ref", "8"},
         {"queue-0/event-channel", "15"},
         {"queue-1/ring-ref", "9"},
         {"queue-1/event-channel", "16"}}
    );
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_EQ(connect->queues.size(), 2u);
    EXPECT_EQ(connect->queues[1], (Queue{{GrantRef{9}}, {EventPort{16}}}));
}

TEST(BlkFrontendKeys, NonsenseIsRefusedWithTheKeysName)
{
    for (const char* ref : {"", " 8", "8 ", "-1", "0x8", "4294967296", "8\n"}) {
        auto result = blk({{"ring-ref", ref}, {"event-channel", "15"}});
        ASSERT_FALSE(result) << ref;
        EXPECT_NE(result.error().what.find("ring-ref"), std::string::npos);
    }
    EXPECT_FALSE(blk({{"ring-ref", "8"}}));
    EXPECT_FALSE(blk({{"ring-ref", "8"}, {"event-channel", "999999"}}));
    EXPECT_FALSE(blk({{"ring-ref", "8"}, {"event-channel", "1"}, {"protocol", "arm-abi"}}));
    EXPECT_FALSE(blk({{"multi-queue-num-queues", "1000000"}}));
    EXPECT_FALSE(blk({{"multi-queue-num-queues", "0"}}));
}

TEST(NetFrontendKeys, SharedAndSplitEventChannels)
{
    auto shared = net(
        {{"tx-ring-ref", "768"},
         {"rx-ring-ref", "769"},
         {"event-channel", "9"},
         {"request-rx-copy", "1"},
         {"feature-sg", "1"},
         {"feature-gso-tcpv4", "0"}}
    );
    ASSERT_TRUE(shared) << shared.error().what;
    EXPECT_EQ(shared->queues[0], (Queue{{GrantRef{768}, GrantRef{769}}, {EventPort{9}}}));
    EXPECT_TRUE(shared->has(Feature::rx_copy));
    EXPECT_TRUE(shared->has(Feature::scatter_gather));
    EXPECT_FALSE(shared->has(Feature::gso_tcpv4));

    auto split = net(
        {{"tx-ring-ref", "1"},
         {"rx-ring-ref", "2"},
         {"event-channel-tx", "9"},
         {"event-channel-rx", "10"}}
    );
    ASSERT_TRUE(split) << split.error().what;
    EXPECT_EQ(split->queues[0].ports, (std::vector{EventPort{9}, EventPort{10}}));
}

TEST(NetFrontendKeys, OneNamedQueueUsesTheFlatKeysAsLinuxDoes)
{
    auto connect = net(
        {{"multi-queue-num-queues", "1"},
         {"tx-ring-ref", "1"},
         {"rx-ring-ref", "2"},
         {"event-channel", "9"}}
    );
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_EQ(connect->queues.size(), 1u);
    EXPECT_EQ(connect->headroom, 0);
}

TEST(NetFrontendKeys, HeadroomIsBoundedByHalfAPage)
{
    Keys keys{{"tx-ring-ref", "1"}, {"rx-ring-ref", "2"}, {"event-channel", "9"}};
    keys["xdp-headroom"] = "256";
    auto connect = net(keys);
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_EQ(connect->headroom, 256);
    for (const char* nonsense : {"2049", "-1", "65792", "many", ""}) {
        keys["xdp-headroom"] = nonsense;
        EXPECT_FALSE(net(keys)) << nonsense;
    }
}

TEST(NetFrontendKeys, AControlRingHasBothItsKeysOrNeither)
{
    Keys keys{{"tx-ring-ref", "1"}, {"rx-ring-ref", "2"}, {"event-channel", "9"}};
    auto connect = net(keys);
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_FALSE(connect->control);
    keys["ctrl-ring-ref"] = "770";
    auto half = net(keys);
    ASSERT_FALSE(half);
    EXPECT_NE(half.error().what.find("`event-channel-ctrl` is missing"), std::string::npos);
    keys["event-channel-ctrl"] = "12";
    connect = net(keys);
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_EQ(connect->control, (ControlRing{GrantRef{770}, EventPort{12}}));
    for (const char* nonsense : {"", "-1", "12 ", "0xc", "131072"}) {
        keys["event-channel-ctrl"] = nonsense;
        EXPECT_FALSE(net(keys)) << nonsense;
    }
    keys.erase("event-channel-ctrl");
    keys["ctrl-ring-ref"] = "4294967296";
    EXPECT_FALSE(net(keys));
    keys.erase("ctrl-ring-ref");
    keys["event-channel-ctrl"] = "12";
    half = net(keys);
    ASSERT_FALSE(half);
    EXPECT_NE(half.error().what.find("`ctrl-ring-ref` is missing"), std::string::npos);
}

TEST(NetFrontendKeys, AControlRingIsTheCardsWhateverItsQueues)
{
    auto connect = net(
        {{"multi-queue-num-queues", "2"},
         {"queue-0/tx-ring-ref", "1"},
         {"queue-0/rx-ring-ref", "2"},
         {"queue-0/event-channel", "9"},
         {"queue-1/tx-ring-ref", "3"},
         {"queue-1/rx-ring-ref", "4"},
         {"queue-1/event-channel", "10"},
         {"ctrl-ring-ref", "5"},
         {"event-channel-ctrl", "11"}}
    );
    ASSERT_TRUE(connect) << connect.error().what;
    EXPECT_EQ(connect->control, (ControlRing{GrantRef{5}, EventPort{11}}));
}

} // namespace
} // namespace zocalo::backend
