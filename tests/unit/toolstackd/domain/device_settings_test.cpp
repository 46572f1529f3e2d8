// SPDX-License-Identifier: Apache-2.0
// What is set on disks while a domain lives, and the channels it is made with.
#include "tests/unit/toolstackd/domain/invariants.hpp"

#include <gmock/gmock.h>

namespace zocalo::toolstack::testing {
namespace {

using rpc::OpState;
using ::testing::IsEmpty;

struct DeviceSettings : ::testing::Test {
    Harness h;
    void SetUp() override { h.start(); }
    void TearDown() override
    {
        h.settle();
        EXPECT_THAT(broken_invariants(h), IsEmpty());
    }
    rpc::DomainDetail detail()
    {
        auto answer = h.run(h.layer->domain("web"));
        EXPECT_TRUE(answer && *answer);
        return std::move(**answer);
    }
    void limit(const char* device, boost::json::object limits)
    {
        boost::json::object args{{"device", device}, {"limits", std::move(limits)}};
        const auto op = h.change(request("block-limit", "web", std::move(args)));
        EXPECT_EQ(op.state, OpState::done) << op.error;
    }
    static rpc::DomainConfig with_disks()
    {
        rpc::DomainConfig config = small_config("web");
        config.disks.clear();
        for (const char* vdev : {"xvda", "xvdb", "xvdc"}) {
            rpc::DiskConfig disk;
            disk.target = std::string{"/images/"} + vdev;
            disk.vdev = vdev;
            config.disks.push_back(disk);
        }
        return config;
    }
};

TEST_F(DeviceSettings, DisksOfAGroupHaveOneLimit)
{
    ASSERT_EQ(h.change(create_request(with_disks(), true)).state, OpState::done);
    limit("xvda", {{"operations_per_second", 100}, {"group", "scratch"}});
    limit("xvdb", {{"group", "scratch"}}); // joins, and takes what the group has
    auto disks = detail().config->disks;
    EXPECT_EQ(disks[1].limits, disks[0].limits);
    EXPECT_EQ(disks[1].limits.operations_per_second, 100U);
    limit("xvdb", {{"operations_per_second", 50}, {"group", "scratch"}});
    disks = detail().config->disks;
    EXPECT_EQ(disks[0].limits.operations_per_second, 50U);
    EXPECT_EQ(disks[2].limits, rpc::LimitConfig{});
    const auto uuid = rpc::parse_uuid(h.domain("web")->uuid).value();
    for (const auto& [key, config] : h.world.processes[uuid].devices) {
        const auto* disk = std::get_if<rpc::DiskConfig>(&config);
        if (disk == nullptr)
            continue;
        EXPECT_EQ(disk->limits.operations_per_second, disk->vdev == "xvdc" ? 0U : 50U)
            << disk->vdev;
    }
    limit("xvda", {}); // leaves the group
    disks = detail().config->disks;
    EXPECT_EQ(disks[0].limits, rpc::LimitConfig{});
    EXPECT_EQ(disks[1].limits.operations_per_second, 50U);
}

TEST_F(DeviceSettings, AMediumIsChangedAndItsImageReserved)
{
    rpc::DomainConfig config = small_config("web");
    rpc::DiskConfig drive;
    drive.vdev = "xvdd";
    drive.cdrom = drive.readonly = true; // and empty
    config.disks.push_back(drive);
    ASSERT_EQ(h.change(create_request(*rpc::resolve(config), true)).state, OpState::done);
    const auto medium = [&](const char* device, const char* target) {
        return h.change(request("block-medium", "web", {{"device", device}, {"target", target}}));
    };
    auto op = medium("xvdd", "/images/a.iso");
    ASSERT_EQ(op.state, OpState::done) << op.error;
    EXPECT_EQ(detail().config->disks.back().target, "/images/a.iso");
    // Nobody may write to it while it is in.
    rpc::DomainConfig writer = small_config("db");
    writer.disks.front().target = "/images/a.iso";
    EXPECT_EQ(h.change(create_request(writer)).state, OpState::failed);
    ASSERT_EQ(medium("xvdd", "/images/b.iso").state, OpState::done);
    EXPECT_EQ(medium("xvdd", "b.iso").state, OpState::failed);
    EXPECT_EQ(medium("xvda", "/images/b.iso").state, OpState::failed); // a disk
    ASSERT_EQ(medium("xvdd", "").state, OpState::done);
    EXPECT_EQ(detail().config->disks.back().target, "");
    op = h.change(create_request(writer));
    EXPECT_EQ(op.state, OpState::done) << op.error;
}

TEST_F(DeviceSettings, ChannelsHaveNodesWhileTheDomainIsInXen)
{
    rpc::DomainConfig config = small_config("web");
    config.channels = {
        {.name = "org.example.agent", .connection = "socket", .path = "/run/agent.sock"},
        {.name = "log", .connection = "pty", .path = {}}};
    const auto resolved = rpc::resolve(config);
    ASSERT_TRUE(resolved) << describe(resolved.error());
    ASSERT_EQ(h.change(create_request(*resolved)).state, OpState::done);
    const std::string domid = std::to_string(h.domain("web")->domid);
    const std::string front = "/local/domain/" + domid + "/device/console/1";
    const std::string back = "/local/domain/0/backend/console/" + domid;
    EXPECT_EQ(h.world.nodes.at(front + "/backend"), back + "/1");
    EXPECT_EQ(h.world.nodes.at(front + "/name"), "org.example.agent");
    EXPECT_EQ(h.world.nodes.at(back + "/1/connection"), "socket");
    EXPECT_EQ(h.world.nodes.at(back + "/1/path"), "/run/agent.sock");
    EXPECT_EQ(h.world.nodes.at(back + "/2/connection"), "pty");
    EXPECT_EQ(h.world.nodes.at("/libxl/" + domid + "/device/console/2/backend"), back + "/2");
    h.world.may_destroy.insert(rpc::parse_uuid(h.domain("web")->uuid).value());
    ASSERT_EQ(h.change(request("destroy", "web")).state, OpState::done);
    for (const auto& [path, value] : h.world.nodes)
        EXPECT_FALSE(path.starts_with(back)) << path;
}

} // namespace
} // namespace zocalo::toolstack::testing
