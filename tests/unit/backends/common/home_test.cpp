// SPDX-License-Identifier: Apache-2.0
#include "backends/common/home.hpp"

#include <gtest/gtest.h>

#include <sched.h>
#include <vector>

namespace zocalo::backend {
namespace {

using namespace std::chrono_literals;

struct HomeTest : testing::Test {
    unsigned here = 0;
    bool pinned = false;
    std::vector<unsigned> moves;
    Whereabouts::Clock::time_point time{1h};
    Home home{Whereabouts{
        [this] { return here; },
        [this](unsigned processor) {
            moves.push_back(processor);
            here = pinned ? here : processor;
        },
        [this] { return time; }}};
};

TEST_F(HomeTest, WithoutAHomeAProcessIsLeftWhereItIs)
{
    home.look();
    EXPECT_TRUE(moves.empty());
}

TEST_F(HomeTest, ItGoesThereAtOnceAndAgainOnceASecondAtMost)
{
    home.settle(3);
    EXPECT_EQ(moves, std::vector<unsigned>{3});
    home.look();
    EXPECT_EQ(moves.size(), 1u) << "it is there";
    here = 1;
    time += 999ms;
    home.look();
    EXPECT_EQ(moves.size(), 1u) << "it was moved away for a reason";
    time += 1ms;
    home.look();
    EXPECT_EQ(moves, (std::vector<unsigned>{3, 3}));
}

TEST_F(HomeTest, AnotherHomeIsGoneToWithoutWaiting)
{
    home.settle(3);
    home.settle(2);
    EXPECT_EQ(moves, (std::vector<unsigned>{3, 2}));
    EXPECT_EQ(here, 2u);
}

TEST_F(HomeTest, OneThatIsPinnedElsewhereGoesWhenItMay)
{
    pinned = true;
    home.settle(9);
    home.look();
    EXPECT_EQ(moves.size(), 1u);
    pinned = false;
    time += 1h;
    home.look();
    EXPECT_EQ(here, 9u);
}

cpu_set_t affinity()
{
    cpu_set_t set;
    EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
    return set;
}

TEST(Whereabouts, AThreadGoesWhereItMayAndMayBeMovedAgain)
{
    const cpu_set_t before = affinity();
    const Whereabouts system = Whereabouts::of_this_thread();
    for (unsigned processor = 0; processor <= CPU_SETSIZE; ++processor) {
        system.go(processor);
        const cpu_set_t after = affinity();
        ASSERT_TRUE(CPU_EQUAL(&before, &after)) << processor;
    }
    EXPECT_TRUE(CPU_ISSET(system.where(), &before));
    const auto now = system.now();
    EXPECT_LE(now, Whereabouts::Clock::now());
    EXPECT_GE(now, Whereabouts::Clock::now() - std::chrono::minutes{1});
}

TEST(Whereabouts, AThreadThatIsPinnedStaysThere)
{
    const cpu_set_t before = affinity();
    const Whereabouts system = Whereabouts::of_this_thread();
    const unsigned here = system.where();
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(here, &only);
    ASSERT_EQ(::sched_setaffinity(0, sizeof only, &only), 0);
    for (unsigned processor = 0; processor < 8; ++processor)
        system.go(processor);
    EXPECT_EQ(system.where(), here);
    ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

} // namespace
} // namespace zocalo::backend
