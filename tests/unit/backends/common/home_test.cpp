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
    bool may = true;
    std::vector<unsigned> moves;
    Whereabouts::Clock::time_point time{1h};
    Home home{Whereabouts{
        [this] { return here; },
        [this](unsigned processor) {
            moves.push_back(processor);
            here = may ? processor : here;
            return may;
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

TEST_F(HomeTest, WhereItCannotGoItDoesNotTryAgain)
{
    may = false;
    home.settle(9);
    time += 1h;
    home.look();
    EXPECT_EQ(moves.size(), 1u);
}

TEST(Whereabouts, AThreadGoesAndMayBeMovedAgain)
{
    cpu_set_t before, after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    const Whereabouts system = Whereabouts::of_this_thread();
    for (unsigned processor = 0; processor < CPU_SETSIZE; ++processor)
        EXPECT_EQ(system.go(processor), CPU_ISSET(processor, &before) != 0) << processor;
    EXPECT_FALSE(system.go(CPU_SETSIZE));
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
    EXPECT_TRUE(CPU_ISSET(system.where(), &before));
    const auto now = system.now();
    EXPECT_LE(now, Whereabouts::Clock::now());
    EXPECT_GE(now, Whereabouts::Clock::now() - std::chrono::minutes{1});
}

} // namespace
} // namespace zocalo::backend
