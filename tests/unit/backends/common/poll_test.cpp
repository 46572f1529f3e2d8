// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/backends/common/played_ticks.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace zocalo::backend {
namespace {

using test::nobody;
using test::open_poll;
using Played = test::PlayedTicks;
constexpr Ticks kLongest = test::kLongestPoll;

TEST(PollWindow, OpensAfterABurstOfQuickRequestsOnly)
{
    PollWindow window{kLongest};
    int needed = 0;
    for (; window.length() == 0 && needed < 100; ++needed)
        window.waited(100);
    EXPECT_GT(needed, 8);
    EXPECT_LT(needed, 32);
    EXPECT_EQ(window.length(), kLongest);
}

TEST(PollWindow, OnePauseClosesIt)
{
    PollWindow window{kLongest};
    for (int i = 0; i < 100; ++i)
        window.waited(100);
    ASSERT_NE(window.length(), 0u);
    window.waited(std::numeric_limits<Ticks>::max());
    EXPECT_EQ(window.length(), 0u);
}

TEST(PollWindow, StaysShutForRequestsThatComeLate)
{
    PollWindow window{kLongest};
    for (int i = 0; i < 1000; ++i) {
        window.waited(kLongest + 1);
        ASSERT_EQ(window.length(), 0u);
    }
}

TEST(PollWindow, NeverWithoutALength)
{
    PollWindow window{0};
    for (int i = 0; i < 100; ++i)
        window.waited(0);
    EXPECT_EQ(window.length(), 0u);
}

TEST(Poll, LooksUntilSomethingComes)
{
    Poll poll = open_poll();
    int looks = 0;
    EXPECT_TRUE(poll.watch([&] { return ++looks == 5; }, nobody));
    EXPECT_EQ(looks, 5);
}

TEST(Poll, GivesUpForOthers)
{
    Poll poll = open_poll();
    int looks = 0;
    EXPECT_FALSE(poll.watch([&] { return ++looks == 50; }, [&] { return looks == 5; }));
    EXPECT_EQ(looks, 5);
}

TEST(Poll, GivesUpAfterTheWindow)
{
    Poll poll = open_poll();
    const Ticks before = Played::now;
    int looks = 0;
    EXPECT_FALSE(poll.watch(
        [&] {
            ++looks;
            return false;
        },
        nobody
    ));
    EXPECT_GT(looks, 10);
    EXPECT_LE(Played::now - before, kLongest + 30);
}

TEST(Poll, DoesNotLookAfterALongSleep)
{
    Poll poll = open_poll();
    EXPECT_FALSE(poll.watch([] { return false; }, nobody));
    Played::now += 1'000'000;
    poll.begin();
    EXPECT_FALSE(poll.watch([] { return true; }, nobody));
}

// A guest that only runs while its backend sleeps, and is quick then.
TEST(Poll, IsSeldomTriedWhereItIsAlwaysInVain)
{
    Poll poll = open_poll();
    unsigned looked = 0;
    for (int turn = 0; turn < 1000; ++turn) {
        bool looks = false;
        EXPECT_FALSE(poll.watch(
            [&] {
                looks = true;
                return false;
            },
            nobody
        ));
        looked += looks ? 1 : 0;
        poll.begin();
    }
    EXPECT_GT(looked, 5u);
    EXPECT_LT(looked, 20u);
}

TEST(Poll, IsTriedAgainSoonAfterOneThatWasInVain)
{
    Poll poll = open_poll();
    const auto never = [] { return false; };
    const auto at_once = [] { return true; };
    EXPECT_FALSE(poll.watch(never, nobody));
    poll.begin();
    EXPECT_FALSE(poll.watch(at_once, nobody)) << "left out";
    poll.begin();
    EXPECT_TRUE(poll.watch(at_once, nobody));
    poll.begin();
    EXPECT_TRUE(poll.watch(at_once, nobody));
}

TEST(Poll, ACounterThatStepsBackEndsTheLook)
{
    Poll poll = open_poll();
    Played::now = 1'000'000;
    EXPECT_FALSE(poll.watch(
        [] {
            Played::now = 0;
            return false;
        },
        nobody
    ));
}

TEST(Poll, ReadsNoCounterWhenItIsOff)
{
    Played::now = 0;
    Poll poll{0, Played::read};
    poll.begin();
    EXPECT_FALSE(poll.watch([] { return true; }, nobody));
    EXPECT_EQ(Played::now, 0u);
}

TEST(TickRate, CountsInProportion)
{
    const TickRate rate;
    for (const Ticks begin = processor_ticks(); processor_ticks() - begin < 1'000'000;)
        ;
    const auto one = static_cast<double>(rate.in(std::chrono::microseconds{1000}));
    EXPECT_GT(one, 0);
    EXPECT_EQ(rate.in(std::chrono::microseconds{0}), 0u);
}

} // namespace
} // namespace zocalo::backend
