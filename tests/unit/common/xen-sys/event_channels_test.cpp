// SPDX-License-Identifier: Apache-2.0
// A pipe plays the device: what was written into it are ports with events.
#include "common/xen-sys/event_channels.hpp"

#include <gtest/gtest.h>

#include <array>
#include <unistd.h>

namespace zocalo::xen {
namespace {

class EventChannelsTest : public ::testing::Test {
  protected:
    EventChannelsTest()
    {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        kernel.reset(ends[1]);
        auto opened = open_event_channels(UniqueFd{ends[0]});
        EXPECT_TRUE(opened);
        if (opened)
            device = std::move(opened).value();
    }
    void fire(std::uint32_t first, std::uint32_t count) const
    {
        for (std::uint32_t port = first; port < first + count; ++port)
            EXPECT_EQ(::write(kernel.get(), &port, sizeof port), ssize_t{sizeof port});
    }
    // The port it says, or 0 for none.
    std::uint32_t next() const
    {
        const auto port = device->pending();
        EXPECT_TRUE(port);
        return port && *port ? (*port)->value : 0;
    }

    UniqueFd kernel;
    std::unique_ptr<EventChannels> device;
};

TEST_F(EventChannelsTest, PortsReadTogetherComeOneByOneAndNoneIsForgotten)
{
    constexpr std::uint32_t kMany = EventChannels::kPortsAtOnce + 4;
    EXPECT_EQ(next(), 0u);
    fire(1, kMany);
    for (std::uint32_t port = 1; port <= kMany; ++port)
        EXPECT_EQ(next(), port);
    EXPECT_EQ(next(), 0u);
    EXPECT_EQ(next(), 0u);
}

TEST_F(EventChannelsTest, WhatComesAfterAnAnswerOfNoneIsThere)
{
    fire(7, 1);
    EXPECT_EQ(next(), 7u);
    EXPECT_EQ(next(), 0u); // without asking the device again: it had no more
    fire(8, 1);
    EXPECT_EQ(next(), 8u);
}

TEST_F(EventChannelsTest, AFullReadIsNoEndOfIt)
{
    fire(1, EventChannels::kPortsAtOnce);
    for (std::uint32_t port = 1; port <= EventChannels::kPortsAtOnce; ++port)
        EXPECT_EQ(next(), port);
    fire(99, 1);
    EXPECT_EQ(next(), 99u);
}

TEST_F(EventChannelsTest, ADeviceThatHasGoneIsNoStorm)
{
    kernel.reset();
    EXPECT_EQ(next(), 0u);
}

} // namespace
} // namespace zocalo::xen
