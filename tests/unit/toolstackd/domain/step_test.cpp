// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/autostart.hpp"
#include "toolstackd/domain/event_page.hpp"
#include "toolstackd/domain/policy.hpp"
#include "toolstackd/domain/step.hpp"
#include "toolstackd/domain/tree.hpp"

#include <gmock/gmock.h>

#include <map>

namespace zocalo::toolstack {
namespace {

const Settings kSettings;

Record in_phase(Phase phase)
{
    Record record;
    record.domain.uuid.bytes[0] = 7;
    record.domain.name = "web";
    record.instance.phase = phase;
    record.instance.domid = 3;
    record.clean = record.followed = true;
    return record;
}

Observation sees(std::optional<LiveDomain> live = {})
{
    Observation seen;
    seen.known = true;
    seen.domain = live;
    return seen;
}

LiveDomain live(bool paused, std::uint64_t cpu_ns)
{
    LiveDomain domain;
    domain.domid = DomId{3};
    domain.paused = paused;
    domain.cpu_time_ns = cpu_ns;
    return domain;
}

StepKind step(const Record& record, const Observation& seen, const std::vector<OpRow>& ops = {})
{
    return next_step(record, seen, ops, 1'000, kSettings).kind;
}

OpRow op(const char* verb)
{
    OpRow row;
    row.id = 1;
    row.verb = verb;
    return row;
}

TEST(NextStep, ConcludesNothingWhenXenCannotBeAsked)
{
    for (const Phase phase : {Phase::starting, Phase::built, Phase::running, Phase::ending})
        EXPECT_EQ(step(in_phase(phase), {}, {op("destroy")}), StepKind::wait);
}

TEST(NextStep, ThrowsAwayWhatWasHalfBuiltAndBuildsAgain)
{
    EXPECT_EQ(step(in_phase(Phase::building), sees(live(true, 0))), StepKind::discard);
    EXPECT_EQ(step(in_phase(Phase::starting), sees()), StepKind::build);
    auto unsure = in_phase(Phase::starting);
    unsure.clean = false;
    EXPECT_EQ(step(unsure, sees()), StepKind::discard);
}

TEST(NextStep, UnpausesWhatIsBuiltOnlyIfItNeverRan)
{
    EXPECT_EQ(step(in_phase(Phase::built), sees(live(true, 0))), StepKind::unpause);
    EXPECT_EQ(step(in_phase(Phase::built), sees(live(true, 5))), StepKind::confirm);
    EXPECT_EQ(step(in_phase(Phase::built), sees(live(false, 0))), StepKind::confirm);
    auto paused = in_phase(Phase::built);
    paused.instance.start_paused = true;
    EXPECT_EQ(step(paused, sees(live(true, 0))), StepKind::confirm);
}

TEST(NextStep, LeavesARunningDomainAlone)
{
    EXPECT_EQ(step(in_phase(Phase::running), sees(live(false, 9))), StepKind::wait);
}

TEST(NextStep, DestroysARunningDomainOnlyForAnAcceptedOperation)
{
    EXPECT_EQ(
        step(in_phase(Phase::running), sees(live(false, 9)), {op("destroy")}), StepKind::record_end
    );
    EXPECT_EQ(step(in_phase(Phase::running), sees()), StepKind::record_end);
}

TEST(NextStep, LetsGoOfADomainThatDiesByAnothersHand)
{
    auto dying = live(false, 9);
    dying.dying = true;
    for (const Phase phase : {Phase::built, Phase::running, Phase::preserved})
        EXPECT_EQ(step(in_phase(phase), sees(dying)), StepKind::record_end);
}

TEST(NextStep, FreesNothingOfADyingDomainBeforeItIsGone)
{
    auto record = in_phase(Phase::ending);
    record.released = true;
    auto dying = live(false, 9);
    dying.dying = true;
    EXPECT_EQ(step(record, sees(dying)), StepKind::wait);
    EXPECT_EQ(step(record, sees()), StepKind::finish_end);
}

TEST(NextStep, RefusesToStartBesideATwinOfAnotherToolstack)
{
    auto record = in_phase(Phase::starting);
    record.clean = false;
    auto seen = sees();
    seen.twin = live(false, 9);
    EXPECT_EQ(step(record, seen), StepKind::fail_start);
}

TEST(Policy, AnAcceptedShutdownWinsOverRestart)
{
    auto record = in_phase(Phase::running);
    record.domain.config.on_poweroff = rpc::StopAction::restart;
    EXPECT_EQ(decide_end(record, "poweroff", false, 0, kSettings).after, AfterEnd::restart);
    EXPECT_EQ(decide_end(record, "poweroff", true, 0, kSettings).after, AfterEnd::stop);
    record.domain.config.on_poweroff = rpc::StopAction::preserve;
    EXPECT_EQ(decide_end(record, "poweroff", true, 0, kSettings).phase, Phase::preserved);
}

TEST(Policy, WhatOthersDestroyedStaysDown)
{
    auto record = in_phase(Phase::running);
    record.domain.config.on_crash = rpc::StopAction::restart;
    EXPECT_EQ(decide_end(record, "destroyed", false, 0, kSettings).after, AfterEnd::stop);
}

TEST(Policy, TheDelayGrowsToALimit)
{
    EXPECT_EQ(backoff_ms(0, kSettings), 0);
    EXPECT_EQ(backoff_ms(1, kSettings), 0);
    EXPECT_EQ(backoff_ms(2, kSettings), kSettings.backoff_first_ms);
    EXPECT_EQ(backoff_ms(3, kSettings), 2 * kSettings.backoff_first_ms);
    EXPECT_EQ(backoff_ms(4'000'000'000U, kSettings), kSettings.backoff_longest_ms);
}

// The owner of each node once xenstored has carried out the changes: what is made, also on the way
// to something below it, gets the permissions that its parent has by then.
std::map<std::string, std::string> owners_after(const std::vector<StoreChange>& changes)
{
    std::map<std::string, std::string> owners{{"", "n0"}};
    for (const StoreChange& change : changes) {
        const auto below = [&](const auto& node) {
            return node.first == change.path || node.first.starts_with(change.path + "/");
        };
        if (change.kind == StoreChange::Kind::remove) {
            std::erase_if(owners, below);
            continue;
        }
        for (std::size_t at = 1; at != std::string::npos;) {
            at = change.path.find('/', at + 1);
            const std::string node = change.path.substr(0, at);
            owners.try_emplace(node, owners.at(node.substr(0, node.rfind('/'))));
        }
        if (!change.permissions.empty())
            owners[change.path] = change.permissions.front();
    }
    return owners;
}

TEST(Tree, AGuestOwnsOnlyWhatItMustWrite)
{
    rpc::DomainConfig config;
    config.name = "web";
    config.maxmem_mib = config.memory_mib;
    config.maxvcpus = 2;
    const auto changes = domain_tree({}, DomId{9}, config, {}, 0);
    EXPECT_LE(changes.size(), 42U) << "each costs xenstored as much as ten hypercalls";
    std::vector<std::string> owned;
    for (const auto& [path, owner] : owners_after(changes))
        if (owner == "n9")
            owned.push_back(path);
        else
            EXPECT_EQ(owner, "n0") << path;
    EXPECT_THAT(
        owned,
        ::testing::UnorderedElementsAre(
            "/local/domain/9/control/shutdown",
            "/local/domain/9/control/feature-poweroff",
            "/local/domain/9/control/feature-reboot",
            "/local/domain/9/control/feature-suspend",
            "/local/domain/9/control/sysrq",
            "/local/domain/9/device/suspend/event-channel",
            "/local/domain/9/data",
            "/local/domain/9/drivers",
            "/local/domain/9/feature",
            "/local/domain/9/attr",
            "/local/domain/9/error"
        )
    );
}

TEST(Tree, VcpusAboveTheCountAreOffline)
{
    const auto nodes = vcpu_nodes(DomId{9}, 1, 2);
    ASSERT_EQ(nodes.size(), 2U);
    EXPECT_EQ(nodes[0].value, "online");
    EXPECT_EQ(nodes[1].value, "offline");
}

Record queued(std::uint8_t id, const std::string& name, std::vector<std::string> depends = {})
{
    Record record = in_phase(Phase::queued);
    record.domain.uuid.bytes[0] = id;
    record.domain.name = name;
    record.domain.config.autostart.enabled = true;
    record.domain.config.autostart.depends = std::move(depends);
    return record;
}

std::map<rpc::Uuid, Record> by_uuid(std::vector<Record> records)
{
    std::map<rpc::Uuid, Record> map;
    for (Record& record : records)
        map[record.domain.uuid] = std::move(record);
    return map;
}

TEST(Autostart, OneGoesAtATimeInOrder)
{
    auto late = queued(1, "a"), early = queued(2, "b");
    early.domain.config.autostart.order = 1;
    EXPECT_EQ(next_turns(by_uuid({late, early}), 0).go, std::vector{early.domain.uuid});
    early.instance.phase = Phase::starting;
    EXPECT_TRUE(next_turns(by_uuid({late, early}), 0).go.empty());
}

TEST(Autostart, ADelayHoldsBackTheNext)
{
    auto first = queued(1, "a"), second = queued(2, "b");
    first.instance.phase = Phase::running;
    first.instance.started_ms = 1'000;
    first.domain.config.autostart.delay_s = 5;
    EXPECT_EQ(next_turns(by_uuid({first, second}), 2'000).wake_ms, 6'000);
    EXPECT_EQ(next_turns(by_uuid({first, second}), 6'000).go, std::vector{second.domain.uuid});
}

TEST(Autostart, ACircleOrAMissingDependencyNeverStarts)
{
    const auto a = queued(1, "a", {"b"}), b = queued(2, "b", {"a"}), c = queued(3, "c", {"none"});
    const auto turns = next_turns(by_uuid({a, b, c}), 0);
    EXPECT_TRUE(turns.go.empty());
    EXPECT_EQ(turns.never.size(), 3U);
}

TEST(EventPage, AClientThatIsTooFarBehindStartsOver)
{
    Book book;
    Contents contents;
    for (std::uint64_t seq = 5; seq <= 8; ++seq) {
        contents.events.emplace_back();
        contents.events.back().seq = seq;
    }
    contents.last_event = 8;
    book.load(std::move(contents));
    EXPECT_TRUE(page_of(book, 3, 10).resync);
    EXPECT_EQ(page_of(book, 4, 10).events.size(), 4U);
    EXPECT_EQ(page_of(book, 6, 1).next, 7U);
    EXPECT_TRUE(page_of(book, 8, 10).events.empty());
    EXPECT_TRUE(page_of(book, 9, 10).resync);
}

} // namespace
} // namespace zocalo::toolstack
