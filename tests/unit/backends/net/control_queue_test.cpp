// SPDX-License-Identifier: Apache-2.0
#include "backends/net/control_queue.hpp"
#include "tests/unit/backends/net/frontend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mman.h>

namespace zocalo::net {
namespace {

using namespace test;
using ::testing::HasSubstr;

constexpr std::uint32_t kSuccess = XEN_NETIF_CTRL_STATUS_SUCCESS;
constexpr std::uint32_t kNotSupported = XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
constexpr std::uint32_t kInvalid = XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
constexpr std::uint32_t kOverflow = XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
constexpr std::uint32_t kPage = 300;
const RingIdentity kIdentity{kGuest.value, kControlRef, 13};

class ControlQueueTest : public ::testing::Test {
  protected:
    ControlQueue make(HashSettings& settings)
    {
        return {
            *xen::BackRing::attach(front_.pages(), kControlSlot), kGuest, grants_, settings, log_};
    }
    xen_netif_ctrl_response
    ask(unsigned type, std::uint32_t first = 0, std::uint32_t second = 0, std::uint32_t third = 0)
    {
        const auto request = control_request(type, first, second, third);
        front_.put(request);
        EXPECT_EQ(queue_.serve().after, ControlQueue::After::idle);
        const auto answers = front_.take();
        EXPECT_EQ(answers.size(), 1u);
        if (answers.empty())
            return {};
        EXPECT_EQ(answers[0].id, request.id);
        EXPECT_EQ(answers[0].type, request.type);
        return answers[0];
    }
    void put_mapping(const std::vector<std::uint32_t>& queues)
    {
        std::memcpy(grants_.page(kPage).data(), queues.data(), 4 * queues.size());
    }
    std::uint32_t start()
    {
        return ask(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ)
            .status;
    }

    ControlFront front_;
    xen::FakeGrantTable grants_{kGuest};
    UniqueFd file_{::memfd_create("journal", MFD_CLOEXEC)};
    NetJournal journal_ = NetJournal::open(UniqueFd{::dup(file_.get())}).value();
    HashLog log_{journal_.settings()};
    HashSettings settings_{4};
    ControlQueue queue_ = make(settings_);
};

TEST_F(ControlQueueTest, AGuestSetsUpItsHash)
{
    EXPECT_EQ(front_.slots(), 128u);
    EXPECT_EQ(start(), kSuccess);
    const auto types = ask(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS);
    EXPECT_EQ(types.status, kSuccess);
    EXPECT_EQ(types.data, 15u);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 3).status, kSuccess);
    const std::vector<std::uint8_t> key(40, 0x6d);
    fill(grants_, kPage, 0, key);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, kPage, 40).status, kSuccess);
    const auto most = ask(XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE);
    EXPECT_EQ(most.status, kSuccess);
    EXPECT_EQ(most.data, 128u);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 8).status, kSuccess);
    put_mapping({3, 2, 1});
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kPage, 3, 5).status, kSuccess);

    const HashSettings::Kept& kept = settings_.kept();
    EXPECT_EQ(kept.types, 3u);
    EXPECT_TRUE(std::ranges::equal(kept.key, key));
    EXPECT_EQ(kept.entries, 8u);
    EXPECT_EQ(kept.mapping[4], 0);
    EXPECT_EQ(kept.mapping[5], 3);
    EXPECT_EQ(kept.mapping[7], 1);
}

TEST_F(ControlQueueTest, WhatIsNotThereIsNotSupported)
{
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS).status, kNotSupported);
    for (const unsigned type : {0u, 8u, 9u, 10u, 11u, 65535u}) {
        const auto answer = ask(type, 1, 2, 3);
        EXPECT_EQ(answer.status, kNotSupported) << type;
        EXPECT_EQ(answer.data, 0u) << type;
    }
}

TEST_F(ControlQueueTest, BadRequestsChangeNothing)
{
    EXPECT_EQ(start(), kSuccess);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 4).status, kSuccess);
    const HashSettings::Kept before = settings_.kept();
    grants_.page(kPage).fill(std::byte{0xff});
    const std::uint32_t gone = 999; // was never granted
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 2).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 0xffffffff).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, kPage, 41).status, kOverflow);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, kPage, 0xffffffff).status, kOverflow);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, gone, 40).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 129).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kPage, 4).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, gone, 4).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kPage, 5).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kPage, 1, 4).status, kInvalid);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kPage, 129).status, kOverflow);
    EXPECT_EQ(
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kPage, 0xffffffff, 0xffffffff).status, kOverflow
    );
    grants_.fail_next_copy = true;
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, kPage, 4).status, kInvalid);
    EXPECT_EQ(settings_.kept(), before);
}

TEST_F(ControlQueueTest, NothingIsFetchedForNothing)
{
    EXPECT_EQ(start(), kSuccess);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, 999, 0).status, kSuccess);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, 999, 0, 0).status, kSuccess);
    EXPECT_EQ(grants_.calls, 0u);
}

TEST_F(ControlQueueTest, ATableThatChangesAfterwardsChangesNothing)
{
    EXPECT_EQ(start(), kSuccess);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 2).status, kSuccess);
    put_mapping({3, 1});
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, kPage, 2).status, kSuccess);
    put_mapping({0xffffffff, 0xffffffff});
    EXPECT_EQ(settings_.queue_of({0, 0}), 3u);
}

TEST_F(ControlQueueTest, AFloodIsServedInTurns)
{
    for (unsigned i = 0; i < 128; ++i)
        front_.put(control_request(XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE));
    unsigned turns = 1;
    while (queue_.serve().after == ControlQueue::After::more)
        ++turns;
    EXPECT_GT(turns, 4u);
    EXPECT_EQ(front_.take().size(), 128u);
}

TEST_F(ControlQueueTest, ImpossibleProducersStopTheRing)
{
    front_.set(xen::kRingReqProd, 129);
    EXPECT_EQ(queue_.serve().after, ControlQueue::After::broken);
    EXPECT_THAT(queue_.fault(), HasSubstr("control ring"));
    front_.set(xen::kRingReqProd, 0xffffffff);
    HashSettings settings;
    EXPECT_EQ(make(settings).serve().after, ControlQueue::After::broken);
}

TEST_F(ControlQueueTest, TheNextProcessRepeatsWhatWasNotAnswered)
{
    log_.begin(kIdentity);
    EXPECT_EQ(start(), kSuccess);
    EXPECT_EQ(ask(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 15).status, kSuccess);
    // It dies with these done and not answered: the ring is as if they had never been taken.
    front_.put(control_request(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 4));
    front_.put(control_request(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 5));
    settings_.set_entries(4);
    log_.keep(settings_.kept());

    HashSettings settings{4};
    ASSERT_TRUE(settings.restore(log_.recover(kIdentity).value()));
    EXPECT_EQ(settings.kept(), settings_.kept());
    ControlQueue next = make(settings);
    next.resume();
    EXPECT_EQ(next.serve().after, ControlQueue::After::idle);
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].status, kSuccess);
    EXPECT_EQ(answers[1].status, kSuccess);
    EXPECT_EQ(settings.kept().types, 5u);
    EXPECT_EQ(log_.recover(kIdentity), settings.kept());
}

TEST_F(ControlQueueTest, AGuestThatForgesItsAnswersOnlyHarmsItself)
{
    start();
    front_.set(xen::kRingRspProd, 0xfffffff0);
    ControlQueue next = make(settings_);
    next.resume();
    unsigned turns = 0;
    while (next.serve().after == ControlQueue::After::more && turns < 100)
        ++turns;
    EXPECT_LT(turns, 100u);
}

} // namespace
} // namespace zocalo::net
