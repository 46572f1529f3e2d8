// SPDX-License-Identifier: Apache-2.0
// Frontends that write any state at any time, backends that die, operators that detach.
#include "common/xen-proto/backend_fsm.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace zocalo::xen {
namespace {

using Kind = BackendEventKind;
using Act = BackendActionKind;
using Phase = BackendFsm::Phase;

// What must hold however a frontend toggles: connect and disconnect alternate, Closed is never
// written while rings are mapped, no state is written twice in a row, and the list never overflows.
struct World {
    BackendFsm fsm;
    bool mapped = false;
    bool busy_connecting = false;
    bool busy_disconnecting = false;
    bool process = false;
    bool removed = false;

    void feed(const BackendEvent& event)
    {
        const BackendActions actions = fsm.on(event);
        ASSERT_LT(actions.size(), BackendActions::kMost);
        for (const BackendAction& a : actions)
            carry_out(a);
    }
    void carry_out(const BackendAction& a)
    {
        ASSERT_FALSE(removed);
        switch (a.kind) {
        case Act::connect:
        case Act::resume:
            ASSERT_TRUE(process && !mapped && !busy_connecting && !busy_disconnecting);
            busy_connecting = true;
            break;
        case Act::disconnect:
            ASSERT_TRUE((mapped || busy_connecting) && !busy_disconnecting);
            busy_disconnecting = true;
            break;
        case Act::set_state:
            if (a.state == XenbusStateClosed || a.state == XenbusStateInitWait) {
                ASSERT_FALSE(mapped || busy_connecting || busy_disconnecting);
            }
            break;
        case Act::reconfigure:
            ASSERT_TRUE(process && mapped && !busy_disconnecting);
            break;
        case Act::remove:
            ASSERT_FALSE(mapped || busy_connecting || busy_disconnecting);
            removed = true;
            break;
        default:
            break;
        }
    }
    // Answers come in the order of the messages.
    void answer(bool good)
    {
        if (busy_connecting) {
            busy_connecting = false;
            mapped = good;
            feed({good ? Kind::connected : Kind::connect_failed});
        } else if (busy_disconnecting) {
            busy_disconnecting = mapped = false;
            feed({Kind::disconnected});
        }
    }
    void process_dies()
    {
        process = mapped = busy_connecting = busy_disconnecting = false;
        feed({Kind::backend_lost});
    }
};

TEST(BackendFsmToggling, NoOrderOfEventsBreaksTheRules)
{
    std::uint64_t seed = 1;
    const auto random = [&seed](std::uint64_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % below;
    };
    unsigned removed = 0;
    for (int run = 0; run < 3000; ++run) {
        World world;
        for (int step = 0; step < 60 && !world.removed; ++step) {
            const std::uint64_t dice = random(100);
            if (dice < 60)
                world.feed({Kind::frontend_state, static_cast<xenbus_state>(1 + random(8))});
            else if (dice < 80)
                world.answer(random(5) != 0);
            else if (dice < 90 && !world.process)
                world.process = true, world.feed({Kind::prepared});
            else if (dice < 94 && world.process)
                world.process_dies();
            else if (dice < 96 && (world.mapped || !world.process))
                world.feed({Kind::failed});
            else if (dice == 97 && random(4) == 0)
                world.feed({Kind::detach});
            ASSERT_FALSE(HasFatalFailure()) << "run " << run << " step " << step;
        }
        // A detach has a guaranteed end: force, then whatever answers are owed.
        world.feed({Kind::force_detach});
        while (world.busy_connecting || world.busy_disconnecting)
            world.answer(true);
        ASSERT_FALSE(HasFatalFailure()) << "run " << run;
        ASSERT_EQ(world.fsm.phase(), Phase::removed) << "run " << run;
        ++removed;
    }
    EXPECT_EQ(removed, 3000u);
}

// A daemon that finds a frontend in the middle of it goes on with it, whether the process lives or
// not.
TEST(BackendFsmToggling, AReconfigurationIsTakenOver)
{
    for (const bool process : {true, false})
        for (const xenbus_state front : {XenbusStateReconfiguring, XenbusStateConnected}) {
            BackendActions actions;
            const bool asks = front == XenbusStateReconfiguring;
            const xenbus_state own = asks ? XenbusStateConnected : XenbusStateReconfigured;
            BackendFsm fsm = BackendFsm::adopt({own, front, true, process, process}, actions);
            if (!process) {
                EXPECT_EQ(fsm.phase(), Phase::orphaned);
                EXPECT_TRUE(actions.empty());
                fsm.on({Kind::prepared});
                actions = fsm.on({Kind::connected});
            }
            ASSERT_EQ(actions.size(), 2u);
            EXPECT_EQ(actions[0], (BackendAction{Act::reconfigure}));
            EXPECT_EQ(fsm.own_state(), asks ? XenbusStateReconfigured : XenbusStateConnected);
        }
}

} // namespace
} // namespace zocalo::xen
