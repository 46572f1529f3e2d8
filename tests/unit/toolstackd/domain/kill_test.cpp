// SPDX-License-Identifier: Apache-2.0
// The kill matrix: each scenario runs once to count the failpoints, then once for each of them with
// the daemon dying there, then with the recovery dying too. Whatever happens, the scenario's client
// gets what it asked for, and no invariant breaks.
#include "tests/unit/toolstackd/domain/invariants.hpp"

#include <gmock/gmock.h>
#include <xen/sched.h>
#include <xen/xen.h>

namespace zocalo::toolstack::testing {
namespace {

using rpc::OpState;
using ::testing::IsEmpty;

struct Scenario {
    const char* name;
    void (*prepare)(Harness&); // before the daemon may die
    void (*act)(Harness&);
    void (*expect)(Harness&);
};

rpc::Uuid uuid_of(Harness& h, const std::string& name)
{
    const auto view = h.domain(name);
    return view ? rpc::parse_uuid(view->uuid).value() : rpc::Uuid{};
}

void nothing(Harness&) {}

void make_web(Harness& h)
{
    auto config = small_config("web");
    config.on_crash = rpc::StopAction::restart;
    h.change(create_request(config, true));
    h.settle();
}

void expect_running_once(Harness& h, int runs)
{
    const auto view = h.domain("web");
    ASSERT_TRUE(view);
    EXPECT_EQ(view->state, rpc::DomainState::running);
    EXPECT_EQ(h.world.runs[uuid_of(h, "web")], runs);
}

void create_web(Harness& h)
{
    const auto op = h.change(create_request(small_config("web"), true));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

void create_failing(Harness& h)
{
    h.world.behaviour.bad_kernel = true;
    EXPECT_EQ(h.change(create_request(small_config("web"))).state, OpState::failed);
}

void destroy_web(Harness& h)
{
    h.world.may_destroy.insert(uuid_of(h, "web"));
    const auto op = h.change(request("destroy", "web"));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

void shut_web_down(Harness& h)
{
    const auto op = h.change(request("shutdown", "web"));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

void reboot_web(Harness& h)
{
    const auto op = h.change(request("reboot", "web"));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

void crash_web(Harness& h)
{
    h.world.shut_down(uuid_of(h, "web"), SHUTDOWN_crash);
    h.settle();
}

void make_web_that(Harness& h, rpc::StopAction action)
{
    auto config = small_config("web");
    config.on_crash = action;
    h.change(create_request(config, true));
    h.settle();
}

void attach_disk(Harness& h)
{
    boost::json::object disk{{"target", "/images/data.img"}, {"vdev", "xvdb"}};
    const auto op = h.change(request("block-attach", "web", disk));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

void attach_ignored(Harness& h)
{
    h.world.behaviour.connects = false;
    boost::json::object disk{{"target", "/images/data.img"}, {"vdev", "xvdb"}};
    EXPECT_EQ(h.change(request("block-attach", "web", disk)).state, OpState::failed);
}

void detach_disk(Harness& h)
{
    const auto op =
        h.change(request("block-detach", "web", {{"device", "xvda"}, {"force", false}}));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

void rename_web(Harness& h)
{
    const auto op = h.change(request("rename", "web", {{"name", "www"}}));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

void boot_host(Harness& h)
{
    h.change(request("autostart", "web", {{"enabled", true}}));
    h.reboot_host();
    h.settle();
}

void expect_stopped(Harness& h)
{
    ASSERT_TRUE(h.domain("web"));
    EXPECT_EQ(h.domain("web")->state, rpc::DomainState::stopped);
    EXPECT_EQ(h.world.guests.size(), 1U);
}

std::size_t backends(Harness& h)
{
    return h.world.processes[uuid_of(h, "web")].devices.size();
}

const Scenario kScenarios[] = {
    {"create", nothing, create_web, [](Harness& h) { expect_running_once(h, 1); }},
    {"create that cannot be",
     nothing,
     create_failing,
     [](Harness& h) { EXPECT_FALSE(h.domain("web")); }},
    {"destroy", make_web, destroy_web, expect_stopped},
    {"shutdown", make_web, shut_web_down, expect_stopped},
    {"reboot", make_web, reboot_web, [](Harness& h) { expect_running_once(h, 2); }},
    {"crash and restart", make_web, crash_web, [](Harness& h) { expect_running_once(h, 2); }},
    {"crash and dump",
     [](Harness& h) { make_web_that(h, rpc::StopAction::coredump_restart); },
     crash_web,
     [](Harness& h) {
         expect_running_once(h, 2);
         EXPECT_EQ(h.world.cores.size(), 1U);
     }},
    {"crash and rename",
     [](Harness& h) { make_web_that(h, rpc::StopAction::rename_restart); },
     crash_web,
     [](Harness& h) {
         expect_running_once(h, 2);
         EXPECT_EQ(h.domains().size(), 3U); // dom0, web, and the one that was kept
         EXPECT_EQ(h.world.guests.size(), 3U);
     }},
    {"attach", make_web, attach_disk, [](Harness& h) { EXPECT_EQ(backends(h), 3U); }},
    {"attach ignored", make_web, attach_ignored, [](Harness& h) { EXPECT_EQ(backends(h), 2U); }},
    {"detach", make_web, detach_disk, [](Harness& h) { EXPECT_EQ(backends(h), 1U); }},
    {"rename",
     make_web,
     rename_web,
     [](Harness& h) {
         EXPECT_TRUE(h.domain("www"));
         EXPECT_FALSE(h.domain("web"));
     }},
    {"host boot", make_web, boot_host, [](Harness& h) { expect_running_once(h, 2); }},
};

class KillMatrix : public ::testing::TestWithParam<Scenario> {
  protected:
    // Runs the scenario with the daemon dying at `kills`; answers how many failpoints it passed.
    std::uint64_t play(std::vector<std::uint64_t> kills)
    {
        const Scenario& scenario = GetParam();
        Harness h;
        h.start();
        scenario.prepare(h);
        h.kill_at(kills);
        scenario.act(h);
        h.settle();
        const std::uint64_t passed = h.passed();
        scenario.expect(h);
        EXPECT_THAT(broken_invariants(h), IsEmpty());
        return passed;
    }
};

TEST_P(KillMatrix, SurvivesADeathAtEveryPoint)
{
    const std::uint64_t points = play({});
    ASSERT_GT(points, 1U);
    for (std::uint64_t k = 1; k <= points && !HasFailure(); ++k) {
        SCOPED_TRACE(std::string(GetParam().name) + ": killed at point " + std::to_string(k));
        play({k});
    }
}

TEST_P(KillMatrix, SurvivesADeathOfTheRecoveryAtEveryPoint)
{
    const std::uint64_t points = play({});
    for (std::uint64_t k = 1; k <= points && !HasFailure(); k += 3)
        for (std::uint64_t j = 1 + k % 2; j <= 40 && !HasFailure(); j += 2) {
            SCOPED_TRACE(
                std::string(GetParam().name) + ": killed at point " + std::to_string(k) +
                ", then at " + std::to_string(j) + " and 3"
            );
            play({k, j, 3});
        }
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios,
    KillMatrix,
    ::testing::ValuesIn(kScenarios),
    [](const auto& tested) {
        std::string name = tested.param.name;
        std::ranges::replace(name, ' ', '_');
        return name;
    }
);

} // namespace
} // namespace zocalo::toolstack::testing
