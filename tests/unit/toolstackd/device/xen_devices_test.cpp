// SPDX-License-Identifier: Apache-2.0
// XenDevices against a played xenstored, played backend processes and a frontend's nodes.
#include "tests/unit/toolstackd/device/played_host.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>

namespace zocalo::toolstack {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::SizeIs;

constexpr DeviceKey kDisk{DeviceKind::disk, 51712};

class XenDevicesTest : public PlayedHost {
  protected:
    XenDevicesTest()
    {
        const int fd = ::mkstemp(image.data());
        EXPECT_GE(fd, 0);
        EXPECT_EQ(::ftruncate(fd, 1 << 20), 0);
        ::close(fd);
        disk.target = image.data();
        disk.vdev = "xvda";
        disk.devid = kDisk.devid;
        server.write("/local/domain/7/vm", "/vm/x");
        restart();
    }
    ~XenDevicesTest() override { ::unlink(image.data()); }

    // As a daemon that is started again: nothing is known but what is outside of it.
    void restart()
    {
        devices.reset();
        devices = std::make_unique<XenDevices>(
            io.get_executor(),
            store,
            backends,
            [](const rpc::NicConfig&, const std::string&) {
                return Outcome<std::vector<UniqueFd>>(Error{Code::failed, "no taps here", {}});
            },
            [](const rpc::NicConfig&, const std::string&) {}
        );
        devices->on_notice(
            [this](const rpc::Uuid&, DeviceKey, const std::string& kind, const std::string&) {
                notices.push_back(kind);
            }
        );
    }
    // Everything that can happen without a new cause has happened.
    void settle()
    {
        for (int i = 0; i < 200; ++i)
            io.poll();
    }
    void attach() { PlayedHost::attach(*devices, owner, disk); }
    void guest(const char* state) { server.write(front + "/state", state); }
    void guest_connects()
    {
        server.write(front + "/ring-ref", "8");
        server.write(front + "/event-channel", "15");
        server.write(front + "/protocol", "x86_64-abi");
        guest("3");
        until([&] { return back_state() == "4"; });
        guest("4");
        settle();
    }
    std::string back_state() { return server.value(back + "/state").value_or("gone"); }
    long count(const std::string& entry)
    {
        return std::count(backends->log.begin(), backends->log.end(), entry);
    }

    std::string image = "/tmp/zocalo-disk-XXXXXX";
    std::unique_ptr<XenDevices> devices;
    DeviceOwner owner{rpc::random_uuid(), DomId{7}, "web1"};
    FakeBackends::Id blk{owner.uuid, DeviceKind::disk};
    rpc::DiskConfig disk;
    std::vector<std::string> notices;
    const std::string front = "/local/domain/7/device/vbd/51712";
    const std::string back = "/local/domain/0/zocalo/backend/zblk/7/51712";
};

TEST_F(XenDevicesTest, PreparesNodesThatAGuestAndXlUnderstand)
{
    attach();
    EXPECT_EQ(back_state(), "2");
    EXPECT_EQ(server.value(front + "/state"), "1");
    EXPECT_EQ(server.value(front + "/backend"), back);
    EXPECT_EQ(server.value(front + "/virtual-device"), "51712");
    EXPECT_EQ(server.permissions(front), "n7 r0");
    EXPECT_EQ(server.permissions(front + "/state"), "n7 r0");
    EXPECT_EQ(server.permissions(back + "/state"), "n0 r7");
    EXPECT_EQ(server.value(back + "/feature-flush-cache"), "1");
    EXPECT_EQ(server.value(back + "/frontend"), front);
    EXPECT_EQ(server.value("/libxl/7/device/vbd/51712/params"), image);
    // Inherited from the root, which is dom0's alone in every xenstored.
    EXPECT_EQ(server.permissions("/libxl/7/device/vbd/51712"), server.permissions("/"));
}

TEST_F(XenDevicesTest, PreparesASecondTimeWithoutASecondProcessOrDevice)
{
    attach();
    EXPECT_TRUE(get(devices->prepare(owner, {disk})));
    EXPECT_EQ(count("start"), 1);
    EXPECT_EQ(count("add 51712"), 1);
}

TEST_F(XenDevicesTest, ConnectsAndPublishesTheSizeBeforeItsState)
{
    attach();
    guest_connects();
    EXPECT_EQ(server.value(back + "/sectors"), "2048");
    EXPECT_TRUE(get(devices->wait_connected(owner.uuid, kDisk, 1s)));
    EXPECT_THAT(notices, Contains("device.connected"));
    const auto views = get(devices->disks(owner));
    ASSERT_TRUE(views);
    ASSERT_THAT(*views, SizeIs(1));
    EXPECT_EQ(views->front().backend_state, "connected");
    EXPECT_EQ(views->front().ring_ref, 8);
}

TEST_F(XenDevicesTest, TheProcessIsToldWhereItsEventsAreHeard)
{
    attach();
    guest_connects();
    EXPECT_EQ(count("settle on 3"), 0) << "nobody knows";
    backends->hears[15] = 3;
    backends->kill(blk);
    until([&] { return count("settle on 3") == 1; });
    EXPECT_EQ(back_state(), "4");
}

TEST_F(XenDevicesTest, SaysWhyADeviceDoesNotConnect)
{
    attach();
    EXPECT_EQ(get(devices->wait_connected(owner.uuid, kDisk, 10ms)).error().code, Code::timeout);
    server.write(front + "/ring-ref", "8");
    guest("3"); // no event-channel
    until([&] { return back_state() == "5"; });
    const auto failed = get(devices->wait_connected(owner.uuid, kDisk, 1s));
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().what.find("event-channel"), std::string::npos);
    EXPECT_THAT(notices, Contains("device.failed"));
}

TEST_F(XenDevicesTest, ReconnectsAGuestThatClosesAndBeginsAgain)
{
    attach();
    for (int i = 1; i <= 3; ++i) {
        guest_connects();
        guest("5");
        until([&] { return back_state() == "5"; });
        guest("6");
        until([&] { return back_state() == "6"; });
        guest("1");
        until([&] { return back_state() == "2"; });
        EXPECT_EQ(count("connect 51712"), i);
        EXPECT_EQ(count("disconnect 51712"), i);
    }
}

TEST_F(XenDevicesTest, DetachesInOrderWithTheGuest)
{
    attach();
    guest_connects();
    std::optional<Outcome<Unit>> done;
    asio::co_spawn(io, keep(devices->detach(owner, kDisk, false, 10s), done), asio::detached);
    until([&] { return back_state() == "5"; });
    EXPECT_EQ(server.value(back + "/online"), "0");
    guest("5");
    settle();
    EXPECT_FALSE(done.has_value());
    guest("6");
    until([&] { return done.has_value(); });
    EXPECT_TRUE(*done);
    EXPECT_EQ(count("remove 51712"), 1);
    EXPECT_TRUE(backends->journals.empty());
    EXPECT_TRUE(get(store.commit(devices->nodes_to_remove(owner, kDisk), {})));
    EXPECT_EQ(server.value(front), std::nullopt);
    EXPECT_EQ(server.value("/local/domain/0/zocalo/backend/zblk/7"), std::nullopt);
}

TEST_F(XenDevicesTest, ReportsAGuestThatDoesNotLetGoAndTakesTheDeviceByForce)
{
    attach();
    guest_connects();
    EXPECT_EQ(get(devices->detach(owner, kDisk, false, 20ms)).error().code, Code::timeout);
    EXPECT_TRUE(get(devices->detach(owner, kDisk, true, 10s)));
    EXPECT_EQ(count("disconnect 51712"), 1);
    EXPECT_EQ(count("remove 51712"), 1);
}

TEST_F(XenDevicesTest, GoesOnAfterARestartOfTheDaemonWithoutTouchingTheGuest)
{
    attach();
    guest_connects();
    const auto before = backends->log;
    const unsigned transactions = server.transactions;
    restart();
    ASSERT_TRUE(get(devices->follow(owner, {disk})));
    settle();
    EXPECT_EQ(backends->log, before);
    EXPECT_EQ(server.transactions, transactions);
    EXPECT_EQ(back_state(), "4");
    EXPECT_TRUE(get(devices->wait_connected(owner.uuid, kDisk, 1s)));
    guest("5");
    until([&] { return back_state() == "5"; });
}

TEST_F(XenDevicesTest, CatchesUpWithWhatTheGuestDidWhileTheDaemonWasDown)
{
    attach();
    devices.reset();
    server.write(front + "/ring-ref", "8");
    server.write(front + "/event-channel", "15");
    guest("3");
    restart();
    ASSERT_TRUE(get(devices->follow(owner, {disk})));
    until([&] { return back_state() == "4"; });
    EXPECT_EQ(count("connect 51712"), 1);
}

TEST_F(XenDevicesTest, ConnectsToTheProcessAgainWhenOnlyTheLineBroke)
{
    attach();
    guest_connects();
    backends->hang_up(blk);
    settle();
    EXPECT_EQ(count("start"), 1);
    EXPECT_EQ(back_state(), "4");
    EXPECT_TRUE(get(devices->detach(owner, kDisk, true, 10s)));
}

TEST_F(XenDevicesTest, ReplacesADeadBackendUnderAGuestThatNoticesNothing)
{
    attach();
    guest_connects();
    const unsigned transactions = server.transactions;
    for (int i = 1; i <= 3; ++i) {
        backends->kill(blk);
        until([&] { return count("resume 51712") == i; });
        settle();
        EXPECT_EQ(std::ranges::count(notices, "device.resumed"), i);
    }
    EXPECT_EQ(server.transactions, transactions);
    EXPECT_EQ(back_state(), "4");
    EXPECT_EQ(count("connect 51712"), 1);
    EXPECT_EQ(backends->journals[51712], 4u);
}

TEST_F(XenDevicesTest, ResumesWhatDiedWhileTheDaemonWasDown)
{
    attach();
    guest_connects();
    devices.reset();
    backends->kill(blk);
    restart();
    ASSERT_TRUE(get(devices->follow(owner, {disk})));
    until([&] { return count("resume 51712") == 1; });
    settle();
    EXPECT_EQ(back_state(), "4");
}

TEST_F(XenDevicesTest, OffersTheDeviceAnewWhenABackendCannotResume)
{
    attach();
    guest_connects();
    backends->refuse_connect = "does not fit";
    backends->kill(blk);
    until([&] { return back_state() == "5"; });
    EXPECT_THAT(notices, Contains("device.failed"));
    backends->refuse_connect.clear();
    guest("6");
    until([&] { return back_state() == "6"; });
    guest("1");
    until([&] { return back_state() == "2"; });
    guest_connects();
    EXPECT_EQ(backends->state(blk, kDisk.devid), backend::DeviceState::connected);
}

TEST_F(XenDevicesTest, LeavesABackendDeadThatKeepsDyingAndClosesItsDevices)
{
    attach();
    guest_connects();
    for (int i = 1; i <= 8; ++i) {
        backends->kill(blk);
        until([&] { return count("resume 51712") == i; });
        settle();
    }
    backends->kill(blk);
    until([&] { return back_state() == "5"; });
    EXPECT_FALSE(backends->runs(blk));
    EXPECT_EQ(count("start"), 9);
    EXPECT_THAT(notices, Contains("device.failed"));
}

TEST_F(XenDevicesTest, ClosesADeviceWhoseRingBroke)
{
    attach();
    guest_connects();
    backends->send_event(
        blk, backend::DeviceStopped{kDisk.devid, "the ring's producer index is impossible"}
    );
    until([&] { return back_state() == "5"; });
    EXPECT_EQ(server.value(back + "/error"), "the ring's producer index is impossible");
    guest("6");
    until([&] { return back_state() == "6"; });
    EXPECT_EQ(count("disconnect 51712"), 1);
}

TEST_F(XenDevicesTest, ServesAGuestOnWhoseNodesXenstoredHasLostAndMakesNoneAgain)
{
    attach();
    guest_connects();
    server.remove("/local/domain/7");
    server.remove("/local/domain/0/zocalo/backend/zblk/7");
    settle();
    until([&] { return std::ranges::count(notices, "device.failed") == 1; });
    restart();
    ASSERT_TRUE(get(devices->follow(owner, {disk})));
    settle();
    EXPECT_EQ(std::ranges::count(notices, "device.failed"), 2);
    EXPECT_EQ(count("disconnect 51712"), 0);
    EXPECT_EQ(server.value(back), std::nullopt);
    EXPECT_EQ(server.value(front), std::nullopt);
    EXPECT_TRUE(get(devices->release_all(owner.uuid, owner.domid)));
    EXPECT_FALSE(backends->runs(blk));
}

TEST_F(XenDevicesTest, ReleasesEverythingAlsoAfterARestart)
{
    attach();
    guest_connects();
    restart();
    EXPECT_TRUE(get(devices->release_all(owner.uuid, owner.domid)));
    EXPECT_FALSE(backends->runs(blk));
    EXPECT_TRUE(get(devices->release_all(owner.uuid, owner.domid)));
}

TEST_F(XenDevicesTest, RefusesImagesThatAreNone)
{
    for (const char* target : {"/nonexistent.img", "/tmp", "/dev/null", ""}) {
        disk.target = target;
        EXPECT_FALSE(get(devices->prepare(owner, {disk}))) << target;
    }
    disk.target = image, disk.format = "qcow2";
    EXPECT_EQ(get(devices->prepare(owner, {disk})).error().code, Code::unsupported);
    EXPECT_TRUE(get(devices->prepare(owner, {rpc::DiskConfig{.vdev = "xvdd", .cdrom = true}})));
}

TEST_F(XenDevicesTest, SurveysDomainsWithNodesOfOurs)
{
    attach();
    server.write("/local/domain/8/device/vbd/51712/backend", "/local/domain/0/backend/vbd/8/51712");
    const auto remains = get(devices->survey());
    ASSERT_TRUE(remains) << describe(remains.error());
    EXPECT_THAT(remains->processes, SizeIs(1));
    EXPECT_EQ(remains->frontends, std::vector<DomId>{DomId{7}});
    EXPECT_EQ(remains->backends, std::vector<DomId>{DomId{7}});
}

} // namespace
} // namespace zocalo::toolstack
