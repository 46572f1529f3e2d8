// SPDX-License-Identifier: Apache-2.0
// What follows the end of a guest beyond restart and destroy: core files, and the ended domain kept
// under another name.
#include "tests/unit/toolstackd/domain/invariants.hpp"

#include <gmock/gmock.h>
#include <xen/sched.h>
#include <xen/xen.h>

namespace zocalo::toolstack::testing {
namespace {

using rpc::DomainState;
using rpc::StopAction;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct End : ::testing::Test {
    Harness h;
    void SetUp() override { h.start(); }
    void TearDown() override
    {
        h.settle();
        EXPECT_THAT(broken_invariants(h), IsEmpty());
    }
    rpc::Uuid create(StopAction on_crash)
    {
        auto config = small_config("web");
        config.on_crash = on_crash;
        h.change(create_request(config));
        return rpc::parse_uuid(h.domain("web")->uuid).value();
    }
    // The newest event of that kind.
    rpc::EventView event(const std::string& kind)
    {
        auto kept = h.run(h.db->load());
        for (auto entry = (*kept)->events.rbegin(); entry != (*kept)->events.rend(); ++entry)
            if (entry->kind == kind)
                return *entry;
        ADD_FAILURE() << "no event " << kind;
        return {};
    }
};

TEST_F(End, ACrashIsDumpedAndTheGuestStartsAgain)
{
    const auto id = create(StopAction::coredump_restart);
    h.world.shut_down(id, SHUTDOWN_crash);
    h.settle();
    EXPECT_EQ(h.world.runs[id], 2);
    ASSERT_EQ(h.world.cores.size(), 1U);
    EXPECT_THAT(*h.world.cores.begin(), ::testing::StartsWith("web-1-"));
    EXPECT_EQ(
        std::string(event("domain.dumped").body.at("path").as_string()),
        "/dumps/" + *h.world.cores.begin()
    );
}

TEST_F(End, ADumpThatCannotBeMadeIsSaidAndTheDomainEnds)
{
    const auto id = create(StopAction::coredump_destroy);
    h.world.fail_at = "dump";
    h.world.shut_down(id, SHUTDOWN_crash);
    h.settle();
    EXPECT_FALSE(h.domain("web"));
    EXPECT_THAT(
        std::string(event("domain.dump_failed").body.at("error").as_string()), HasSubstr("no room")
    );
}

TEST_F(End, ADestroyDoesNotWaitForTheCoreFile)
{
    const auto id = create(StopAction::coredump_restart);
    h.world.behaviour.dump_ms = 600'000;
    h.world.shut_down(id, SHUTDOWN_crash);
    h.wait(1'000);
    EXPECT_EQ(h.domain("web")->state, DomainState::crashed);
    const auto begin = h.world.clock.now_ms();
    EXPECT_EQ(h.change(request("destroy", "web")).state, rpc::OpState::done);
    EXPECT_LT(h.world.clock.now_ms() - begin, 5'000);
    EXPECT_THAT(h.world.cores, IsEmpty());
}

TEST_F(End, ADumpThatAnOrderlyStopInterruptsIsMadeByTheNextDaemon)
{
    const auto id = create(StopAction::coredump_restart);
    h.world.behaviour.dump_ms = 600'000;
    h.world.shut_down(id, SHUTDOWN_crash);
    h.wait(1'000);
    h.world.behaviour.dump_ms = 10;
    const auto begin = h.world.clock.now_ms();
    h.restart();
    EXPECT_LT(h.world.clock.now_ms() - begin, 5'000);
    h.settle();
    EXPECT_EQ(h.world.cores.size(), 1U);
    EXPECT_EQ(h.world.runs[id], 2);
}

TEST_F(End, RenameRestartKeepsTheEndedDomainAndGivesItsDisksOn)
{
    const auto id = create(StopAction::rename_restart);
    const auto first = h.domain("web")->domid;
    h.world.shut_down(id, SHUTDOWN_crash);
    h.settle();
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
    EXPECT_EQ(h.world.runs[id], 2);
    const auto kept = event("domain.kept").body;
    const auto view = h.domain(std::string(kept.at("name").as_string()));
    ASSERT_TRUE(view);
    EXPECT_EQ(view->domid, first);
    EXPECT_EQ(view->state, DomainState::crashed);
    EXPECT_EQ(view->ownership, rpc::Ownership::transient);
    const std::string path = "/local/domain/" + std::to_string(first);
    EXPECT_EQ(h.world.nodes.at(path + "/name"), view->name);
    EXPECT_EQ(h.world.nodes.at(path + "/vm"), "/vm/" + view->uuid);
    EXPECT_EQ(h.change(request("destroy", view->name)).state, rpc::OpState::done);
    h.settle();
    EXPECT_FALSE(h.domain(view->name));
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
}

TEST_F(End, WhatWasKeptIsForgottenWhenTheHostBoots)
{
    const auto id = create(StopAction::rename_restart);
    h.world.shut_down(id, SHUTDOWN_crash);
    h.settle();
    EXPECT_EQ(h.domains().size(), 3U);
    h.reboot_host();
    h.settle();
    EXPECT_EQ(h.domains().size(), 1U);
}

} // namespace
} // namespace zocalo::toolstack::testing
