// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/invariants.hpp"

#include <gmock/gmock.h>
#include <xen/sched.h>
#include <xen/xen.h>

namespace zocalo::toolstack::testing {
namespace {

using rpc::DomainState;
using rpc::OpState;
using ::testing::IsEmpty;

struct Lifecycle : ::testing::Test {
    Harness h;
    void SetUp() override { h.start(); }
    void TearDown() override
    {
        h.settle();
        EXPECT_THAT(broken_invariants(h), IsEmpty());
    }
    rpc::Uuid uuid(const std::string& name)
    {
        return rpc::parse_uuid(h.domain(name)->uuid).value();
    }
    void destroy(const std::string& name)
    {
        h.world.may_destroy.insert(uuid(name));
        const auto op = h.change(request("destroy", name));
        EXPECT_EQ(op.state, OpState::done) << op.error;
    }
};

TEST_F(Lifecycle, ACreatedDomainRunsAndIsListed)
{
    const auto op = h.change(create_request(small_config("web")));
    ASSERT_EQ(op.state, OpState::done) << op.error;
    const auto view = h.domain("web");
    ASSERT_TRUE(view);
    EXPECT_EQ(view->state, DomainState::running);
    EXPECT_EQ(op.result.at("domid").to_number<int>(), view->domid);
    EXPECT_EQ(h.world.nodes.at("/local/domain/" + std::to_string(view->domid) + "/name"), "web");
}

TEST_F(Lifecycle, ACreateTakesFourTransactionsAndADestroyTwo)
{
    const auto before = h.db->commits();
    h.change(create_request(small_config("web")));
    EXPECT_EQ(h.db->commits() - before, 4U);
    const auto between = h.db->commits();
    destroy("web");
    EXPECT_EQ(h.db->commits() - between, 2U);
}

TEST_F(Lifecycle, OnlyWhatOutlivesTheHostWaitsForTheDisk)
{
    const auto booted = h.db->synced(); // the host's boot is remembered durably
    h.change(create_request(small_config("web")));
    h.change(request("pause", "web"));
    h.change(request("unpause", "web"));
    h.change(request("reboot", "web"));
    destroy("web");
    EXPECT_EQ(h.db->synced() - booted, 0U);
    h.change(create_request(small_config("kept"), true));
    EXPECT_EQ(h.db->synced() - booted, 1U);
    h.change(request("autostart", "kept", {{"enabled", true}}));
    EXPECT_GE(h.db->synced() - booted, 3U);
}

TEST_F(Lifecycle, RepairRemovesWhatIsLeftOfADomainThatIsGone)
{
    for (const char* kind : {"zblk", "znet"})
        h.world.nodes[std::string("/local/domain/0/zocalo/backend/") + kind + "/77/0/state"] = "6";
    h.world.nodes["/local/domain/77/device/vbd/51712/state"] = "6";
    EXPECT_EQ(h.change(request("repair", "")).state, OpState::done);
    for (const auto& [path, value] : h.world.nodes)
        EXPECT_THAT(path, ::testing::Not(::testing::HasSubstr("/77/")));
}

TEST_F(Lifecycle, DoctorNamesADomainThatXenstoreHasForgotten)
{
    h.change(create_request(small_config("web")));
    const auto kept = h.world.nodes;
    h.world.nodes.clear();
    auto findings = h.run(h.layer->doctor());
    ASSERT_TRUE(findings && *findings);
    EXPECT_THAT(
        (*findings)->front().text, ::testing::HasSubstr("web: xenstore has lost its nodes")
    );
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
    h.world.nodes = kept;
}

TEST_F(Lifecycle, ADeviceThatFailedIsAnEventWithItsReason)
{
    h.change(create_request(small_config("web")));
    h.world.notice(uuid("web"), {DeviceKind::disk, 51712}, "device.failed", "its process died");
    h.settle();
    auto kept = h.run(h.db->load());
    ASSERT_TRUE(kept && *kept);
    const auto& event = (*kept)->events.back();
    EXPECT_EQ(event.kind, "device.failed");
    EXPECT_EQ(event.name, "web");
    EXPECT_EQ(event.body.at("devid").to_number<int>(), 51712);
    EXPECT_EQ(event.body.at("error"), "its process died");
}

TEST_F(Lifecycle, ADestroyedTransientDomainIsForgotten)
{
    h.change(create_request(small_config("web")));
    destroy("web");
    EXPECT_FALSE(h.domain("web"));
    EXPECT_EQ(h.world.guests.size(), 1U);
}

TEST_F(Lifecycle, AFailedCreateLeavesNothingAndSaysWhy)
{
    for (const char* call : {"create", "build", "prepare", "store", "console"}) {
        h.world.fail_at = call;
        const auto op = h.change(create_request(small_config("web")));
        EXPECT_EQ(op.state, OpState::failed) << call;
        EXPECT_FALSE(op.error.empty()) << call;
        EXPECT_FALSE(h.domain("web")) << call;
        EXPECT_EQ(h.world.guests.size(), 1U) << call;
    }
}

TEST_F(Lifecycle, AGuestThatRebootsStartsAgain)
{
    h.change(create_request(small_config("web")));
    const auto first = h.domain("web")->domid;
    h.world.shut_down(uuid("web"), SHUTDOWN_reboot);
    h.settle();
    ASSERT_TRUE(h.domain("web"));
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
    EXPECT_NE(h.domain("web")->domid, first);
    EXPECT_EQ(h.world.runs[uuid("web")], 2);
}

TEST_F(Lifecycle, AShutdownOperationEndsWhenTheGuestHasGone)
{
    h.change(create_request(small_config("web"), true));
    const auto op = h.change(request("shutdown", "web"));
    EXPECT_EQ(op.state, OpState::done) << op.error;
    EXPECT_EQ(h.domain("web")->state, DomainState::stopped);
    EXPECT_EQ(h.change(request("start", "web")).state, OpState::done);
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
}

TEST_F(Lifecycle, AShutdownThatTheGuestIgnoresTimesOut)
{
    h.world.behaviour.obeys = false;
    h.change(create_request(small_config("web")));
    const auto op = h.change(request("shutdown", "web"));
    EXPECT_EQ(op.error_code, "timeout");
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
}

TEST_F(Lifecycle, ARebootOperationEndsWithTheNextInstance)
{
    h.change(create_request(small_config("web")));
    const auto op = h.change(request("reboot", "web"));
    EXPECT_EQ(op.state, OpState::done) << op.error;
    EXPECT_EQ(h.world.runs[uuid("web")], 2);
}

TEST_F(Lifecycle, CrashesInARowAreDelayedMoreAndMore)
{
    auto config = small_config("web");
    config.on_crash = rpc::StopAction::restart;
    h.change(create_request(config));
    const auto id = uuid("web");
    std::vector<std::int64_t> times;
    for (int i = 0; i < 5; ++i) {
        const auto start = h.world.clock.now_ms();
        h.world.shut_down(id, SHUTDOWN_crash);
        const int wanted = h.world.runs[id] + 1;
        while (h.world.runs[id] < wanted)
            h.wait(100);
        times.push_back(h.world.clock.now_ms() - start);
    }
    EXPECT_LT(times[0], 1'000);
    EXPECT_GT(times[4], 10'000);
    EXPECT_GT(times[4], times[2]);
}

TEST_F(Lifecycle, ADiskInUseIsRefusedUnlessEverybodyReads)
{
    auto one = small_config("one"), two = small_config("two");
    two.disks = one.disks;
    h.change(create_request(one));
    const auto refused = h.change(create_request(two));
    EXPECT_EQ(refused.error_code, "conflict");
    EXPECT_FALSE(h.domain("two"));
    destroy("one");
    one.disks[0].readonly = two.disks[0].readonly = true;
    EXPECT_EQ(h.change(create_request(one)).state, OpState::done);
    EXPECT_EQ(h.change(create_request(two)).state, OpState::done);
}

TEST_F(Lifecycle, ANameIsGivenOnce)
{
    h.change(create_request(small_config("web")));
    auto other = small_config("web");
    other.disks.clear();
    EXPECT_EQ(h.change(create_request(other)).error_code, "conflict");
    h.world.add_foreign("theirs");
    other.name = "theirs";
    EXPECT_EQ(h.change(create_request(other)).error_code, "conflict");
}

TEST_F(Lifecycle, MemoryIsNotPromisedTwice)
{
    auto big = small_config("big");
    big.memory_mib = 600;
    auto other = small_config("other");
    other.memory_mib = 600;
    auto first = h.submit(create_request(big));
    auto second = h.submit(create_request(other));
    ASSERT_TRUE(first);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::conflict);
    EXPECT_EQ(h.finish(*first).state, OpState::done);
}

TEST_F(Lifecycle, ADomainCreatedPausedIsNotPausedAfterItRebooted)
{
    Request create = create_request(small_config("web"));
    create.args["paused"] = true;
    h.change(create);
    EXPECT_EQ(h.domain("web")->state, DomainState::paused);
    h.change(request("unpause", "web"));
    const auto first = h.domain("web")->domid;
    h.world.shut_down(uuid("web"), SHUTDOWN_reboot);
    h.settle();
    EXPECT_NE(h.domain("web")->domid, first);
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
}

TEST_F(Lifecycle, ADomainThatSomebodyElseDestroyedIsLetGo)
{
    const auto before = h.world.guests.size();
    h.change(create_request(small_config("web")));
    h.change(create_request(small_config("kept"), true));
    h.world.destroy_from_outside(uuid("web"));
    h.world.destroy_from_outside(uuid("kept"));
    h.settle();
    EXPECT_FALSE(h.domain("web"));
    EXPECT_EQ(h.domain("kept")->state, DomainState::stopped);
    EXPECT_EQ(h.world.guests.size(), before);
}

TEST_F(Lifecycle, AttachedDisksAndNicsComeAndGo)
{
    h.change(create_request(small_config("web")));
    boost::json::object disk{{"target", "/images/data.img"}, {"vdev", "xvdb"}};
    auto op = h.change(request("block-attach", "web", disk));
    ASSERT_EQ(op.state, OpState::done) << op.error;
    EXPECT_EQ(h.world.processes[uuid("web")].devices.size(), 3U);
    EXPECT_EQ(h.change(request("network-attach", "web")).state, OpState::done);
    op = h.change(request("block-detach", "web", {{"device", "xvdb"}, {"force", false}}));
    ASSERT_EQ(op.state, OpState::done) << op.error;
    op = h.change(request("network-detach", "web", {{"device", "1"}, {"force", false}}));
    ASSERT_EQ(op.state, OpState::done) << op.error;
    EXPECT_EQ(h.world.processes[uuid("web")].devices.size(), 2U);
}

TEST_F(Lifecycle, ASecondDiskOfTheSameNameIsRefusedByThatName)
{
    h.change(create_request(small_config("web")));
    boost::json::object disk{{"target", "/images/data.img"}, {"vdev", "xvdb"}};
    EXPECT_EQ(h.change(request("block-attach", "web", disk)).state, OpState::done);
    disk["target"] = "/images/other.img";
    const auto op = h.change(request("block-attach", "web", disk));
    EXPECT_EQ(op.error_code, "conflict");
    EXPECT_NE(op.error.find("xvdb"), std::string::npos) << op.error;
}

TEST_F(Lifecycle, AnAttachTheGuestIgnoresIsRolledBack)
{
    h.change(create_request(small_config("web")));
    h.world.behaviour.connects = false;
    boost::json::object disk{{"target", "/images/data.img"}, {"vdev", "xvdb"}};
    const auto op = h.change(request("block-attach", "web", disk));
    EXPECT_EQ(op.error_code, "timeout");
    EXPECT_EQ(h.world.processes[uuid("web")].devices.size(), 2U);
    h.world.behaviour.connects = true;
    EXPECT_EQ(h.change(request("block-attach", "web", disk)).state, OpState::done);
}

TEST_F(Lifecycle, ADestroyDoesNotWaitForAnAttach)
{
    h.change(create_request(small_config("web")));
    h.world.behaviour.connects = false;
    boost::json::object disk{{"target", "/images/data.img"}, {"vdev", "xvdb"}};
    const auto attach = h.submit(request("block-attach", "web", disk));
    ASSERT_TRUE(attach);
    const auto begin = h.world.clock.now_ms();
    destroy("web");
    EXPECT_LT(h.world.clock.now_ms() - begin, 5'000);
    EXPECT_EQ(h.finish(*attach).state, OpState::failed);
}

TEST_F(Lifecycle, AnOrderlyRestartChangesNothingForGuests)
{
    h.change(create_request(small_config("web")));
    const auto before = h.world.nodes;
    const auto id = uuid("web");
    h.restart();
    h.settle();
    EXPECT_EQ(h.world.nodes, before);
    EXPECT_EQ(h.world.runs[id], 1);
}

TEST_F(Lifecycle, TheStateIsUnknownWhileXenIsAwayAndNeverStopped)
{
    h.change(create_request(small_config("web"), true));
    h.world.hv_up = false;
    h.wait(60'000);
    EXPECT_EQ(h.domain("web")->state, DomainState::unknown);
    h.world.hv_up = true;
    h.wait(20'000);
    EXPECT_EQ(h.domain("web")->state, DomainState::running);
    EXPECT_EQ(h.world.runs[uuid("web")], 1);
}

TEST_F(Lifecycle, ManagedDomainsStartInOrderWhenTheHostBoots)
{
    for (const char* name : {"a", "b", "c"}) {
        auto config = small_config(name);
        config.autostart.enabled = std::string(name) != "c";
        config.autostart.order = *name == 'a' ? 200 : 100;
        if (*name == 'a')
            config.autostart.depends = {"b"};
        h.change(create_request(config, true));
    }
    h.change(create_request(small_config("passing")));
    h.reboot_host();
    h.settle();
    EXPECT_EQ(h.domain("a")->state, DomainState::running);
    EXPECT_EQ(h.domain("b")->state, DomainState::running);
    EXPECT_EQ(h.domain("c")->state, DomainState::stopped);
    EXPECT_FALSE(h.domain("passing"));
    EXPECT_LT(h.domain("b")->domid, h.domain("a")->domid);
}

TEST_F(Lifecycle, AKeySentAgainIsTheSameOperation)
{
    auto create = create_request(small_config("web"));
    create.idempotency_key = "once";
    const auto first = h.submit(create), second = h.submit(create);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->id, second->id);
    h.finish(*first);
    create.args["managed"] = true;
    EXPECT_EQ(h.submit(create).error().code, Code::conflict);
}

TEST_F(Lifecycle, RenameMemoryVcpusAndPauseAreKept)
{
    auto config = small_config("web");
    config.maxmem_mib = 128;
    config.maxvcpus = 2;
    h.change(create_request(config, true));
    EXPECT_EQ(h.change(request("rename", "web", {{"name", "www"}})).state, OpState::done);
    EXPECT_EQ(h.change(request("memory", "www", {{"target_mib", 100}})).state, OpState::done);
    EXPECT_EQ(h.change(request("vcpus", "www", {{"count", 2}})).state, OpState::done);
    EXPECT_EQ(h.change(request("pause", "www")).state, OpState::done);
    const auto domid = std::to_string(h.domain("www")->domid);
    EXPECT_EQ(h.world.nodes.at("/local/domain/" + domid + "/name"), "www");
    EXPECT_EQ(h.world.nodes.at("/local/domain/" + domid + "/memory/target"), "102400");
    EXPECT_EQ(h.world.nodes.at("/local/domain/" + domid + "/cpu/1/availability"), "online");
    EXPECT_EQ(h.domain("www")->state, DomainState::paused);
    h.restart();
    h.settle();
    EXPECT_EQ(h.domain("www")->state, DomainState::paused);
}

} // namespace
} // namespace zocalo::toolstack::testing
