// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/time/clock_scale.hpp"
#include "hypervisor-core/time/timer_queue.hpp"

#include <gtest/gtest.h>

namespace zocalo::hv {
namespace {

TEST(ClockScale, OneSecondOfTicksIsOneSecond)
{
    for (const std::uint64_t hertz :
         {999'999'999ULL, 1'000'000'000ULL, 2'100'000'000ULL, 25'000'000ULL}) {
        const ClockScale scale = ClockScale::from_frequency(hertz);
        EXPECT_NEAR(static_cast<double>(scale.to_ns(hertz)), 1e9, 2.0) << hertz;
        EXPECT_NEAR(static_cast<double>(scale.to_ns(hertz * 86400)), 86400e9, 86400.0) << hertz;
    }
}

TEST(TimerQueue, TimersComeInOrderOfTime)
{
    TimerQueue queue;
    Timer a, b, c;
    queue.arm(a, 300);
    queue.arm(b, 100);
    queue.arm(c, 200);
    EXPECT_EQ(queue.next_deadline(), 100U);
    EXPECT_EQ(queue.take_due(99), nullptr);
    EXPECT_EQ(queue.take_due(250), &b);
    EXPECT_EQ(queue.take_due(250), &c);
    EXPECT_EQ(queue.take_due(250), nullptr);
    EXPECT_EQ(queue.next_deadline(), 300U);
}

TEST(TimerQueue, TheNextDeadlineIsThatOfWhatIsLeft)
{
    TimerQueue queue, other;
    Timer a, b;
    EXPECT_EQ(queue.next_deadline(), kNever);
    queue.arm(a, 10);
    queue.arm(b, 20);
    EXPECT_EQ(queue.next_deadline(), 10U);
    other.arm(a, 5); // its vCPU has moved to another processor
    EXPECT_EQ(queue.next_deadline(), 20U);
    EXPECT_EQ(other.next_deadline(), 5U);
    EXPECT_EQ(queue.take_due(20), &b);
    EXPECT_EQ(queue.next_deadline(), kNever);
}

TEST(TimerQueue, ArmingAgainMovesATimerAndCancellingForgetsIt)
{
    TimerQueue queue;
    Timer a, b;
    queue.arm(a, 100);
    queue.arm(b, 200);
    queue.arm(a, 300);
    EXPECT_EQ(queue.take_due(1000), &b);
    queue.cancel(a);
    queue.cancel(a);
    EXPECT_EQ(queue.next_deadline(), kNever);
}

} // namespace
} // namespace zocalo::hv
