// SPDX-License-Identifier: Apache-2.0
#include "backends/net/ring_log.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>

namespace zocalo::net {
namespace {

const RingIdentity kRing{5, 8, 11};

struct RingLogTest : testing::Test {
    UniqueFd file{::memfd_create("journal", MFD_CLOEXEC)};
    NetJournal journal = NetJournal::open(UniqueFd{::dup(file.get())}).value();
    RingLog log = journal.tx(3);

    void SetUp() override { log.begin(kRing); }
    void take(std::uint32_t index, std::uint16_t id)
    {
        log.note(index, id);
        log.taken(index + 1);
    }
};

TEST_F(RingLogTest, WhatWasNotAnsweredIsFoundInOrder)
{
    for (std::uint16_t i = 0; i < 10; ++i)
        take(i, static_cast<std::uint16_t>(100 + i));
    log.answered(7);
    const NetJournal next = NetJournal::open(UniqueFd{::dup(file.get())}).value();
    const auto found = next.tx(3).recover(kRing, 8); // died before it noted the last publication
    ASSERT_TRUE(found);
    EXPECT_EQ(found->taken, 10u);
    EXPECT_EQ(found->answered, 8u);
    EXPECT_EQ(found->ids, (std::vector<std::uint16_t>{108, 109}));
    EXPECT_FALSE(next.tx(2).in_use());
}

TEST_F(RingLogTest, APacketThatWasNotReadWholeStaysOnTheRing)
{
    take(0, 1);
    log.answered(1);
    log.note(1, 2);
    log.note(2, kExtraSlot);
    const auto found = log.recover(kRing, 1);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->taken, 1u);
    EXPECT_TRUE(found->ids.empty());
}

TEST_F(RingLogTest, ItsCountsGoRoundAsTheRingsDo)
{
    log.taken(0xfffffffe);
    log.answered(0xfffffffe);
    for (std::uint32_t i = 0xfffffffe, id = 0; i != 3; ++i, ++id)
        take(i, static_cast<std::uint16_t>(id));
    const auto found = log.recover(kRing, 0);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->ids, (std::vector<std::uint16_t>{2, 3, 4}));
}

TEST_F(RingLogTest, WhatDoesNotFitIsRefused)
{
    take(0, 1);
    EXPECT_FALSE(log.recover({5, 9, 11}, 0));
    EXPECT_FALSE(log.recover(kRing, 2));          // more answers than requests
    EXPECT_FALSE(log.recover(kRing, 0xffffffff)); // fewer than were given
    log.taken(1000);
    EXPECT_FALSE(log.recover(kRing, 500));
    log.end();
    EXPECT_FALSE(log.recover(kRing, 0));
    EXPECT_FALSE(RingLog{}.recover(kRing, 0));
}

} // namespace
} // namespace zocalo::net
