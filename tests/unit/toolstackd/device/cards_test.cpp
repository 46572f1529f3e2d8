// SPDX-License-Identifier: Apache-2.0
// What XenDevices does for network cards alone, against a played xenstored and backend.
#include "tests/unit/toolstackd/device/played_host.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <fcntl.h>

namespace zocalo::toolstack {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Outcome<std::vector<UniqueFd>> no_real_tap(const rpc::NicConfig&, const std::string&)
{
    std::vector<UniqueFd> taps;
    taps.emplace_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
    return taps;
}

class CardsTest : public PlayedHost {
  protected:
    CardsTest()
    {
        card.devid = 0;
        card.mac = "00:16:3e:01:02:03";
        server.write("/local/domain/7/vm", "/vm/x");
        devices->on_notice(
            [this](const rpc::Uuid&, DeviceKey, const std::string& kind, const std::string& text) {
                notices.push_back(kind);
                said.push_back(text);
            }
        );
    }
    void guest(const char* state) { server.write(front + "/state", state); }
    void connect()
    {
        attach(*devices, owner, card);
        open_rings();
        until([this] { return back_state() == "4"; });
    }
    void open_rings()
    {
        server.write(front + "/tx-ring-ref", "8");
        server.write(front + "/rx-ring-ref", "9");
        server.write(front + "/event-channel", "15");
        server.write(front + "/request-rx-copy", "1");
        guest("4");
    }
    std::string back_state() { return server.value(back + "/state").value_or("gone"); }

    DeviceOwner owner{rpc::random_uuid(), DomId{7}, "web1"};
    std::unique_ptr<XenDevices> devices = std::make_unique<XenDevices>(
        io.get_executor(), store, backends, no_real_tap, [](const auto&, const auto&) {}
    );
    rpc::NicConfig card;
    std::vector<std::string> notices, said;
    const std::string front = "/local/domain/7/device/vif/0";
    const std::string back = "/local/domain/0/zocalo/backend/znet/7/0";
};

TEST_F(CardsTest, AGuestThatLoadsAnXdpProgramGetsItsHeadroom)
{
    connect();
    // In the order of Linux: the state first.
    guest("7");
    server.write(front + "/xdp-headroom", "256");
    until([this] { return back_state() == "8"; });
    EXPECT_THAT(backends->log, Contains("headroom 256 of 0"));
    guest("4");
    until([this] { return back_state() == "4"; });
    EXPECT_EQ(std::ranges::count(backends->log, "headroom 256 of 0"), 1) << "nothing changed";
    EXPECT_EQ(std::ranges::count(notices, "device.connected"), 1) << "it never was away";

    guest("7");
    server.write(front + "/xdp-headroom", "0");
    until([this] { return back_state() == "8"; });
    EXPECT_EQ(backends->log.back(), "headroom 0 of 0");
}

TEST_F(CardsTest, ADaemonThatWasRestartedTellsTheProcessWhateverItIsAskedFor)
{
    connect();
    server.write(front + "/xdp-headroom", "256");
    guest("7");
    until([this] { return back_state() == "8"; });
    guest("4");
    until([this] { return back_state() == "4"; });
    devices = std::make_unique<XenDevices>(
        io.get_executor(), store, backends, no_real_tap, [](const auto&, const auto&) {}
    );
    ASSERT_TRUE(get(devices->follow(owner, {card})));
    server.write(front + "/xdp-headroom", "0");
    guest("7");
    until([this] { return back_state() == "8"; });
    EXPECT_EQ(backends->log.back(), "headroom 0 of 0");
}

TEST_F(CardsTest, AHeadroomThatCannotBeChangesNothing)
{
    connect();
    server.write(front + "/xdp-headroom", "60000");
    guest("7");
    until([this] { return back_state() == "8"; });
    guest("4");
    until([this] { return back_state() == "4"; });
    EXPECT_THAT(backends->log, Not(Contains(::testing::StartsWith("headroom"))));
}

TEST_F(CardsTest, TheProcessIsToldOfAControlRing)
{
    connect();
    EXPECT_THAT(backends->log, Not(Contains(HasSubstr("control ring"))));
    guest("5");
    until([this] { return back_state() == "5"; });
    guest("6");
    until([this] { return back_state() == "6"; });
    guest("1");
    until([this] { return back_state() == "2"; });
    server.write(front + "/ctrl-ring-ref", "10");
    server.write(front + "/event-channel-ctrl", "16");
    open_rings();
    until([this] { return back_state() == "4"; });
    EXPECT_THAT(backends->log, Contains("control ring 10 port 16"));
}

TEST_F(CardsTest, HalfAControlRingIsAnErrorThatNamesTheOtherHalf)
{
    attach(*devices, owner, card);
    server.write(front + "/ctrl-ring-ref", "10");
    open_rings();
    until([this] { return back_state() == "5" || back_state() == "6"; });
    EXPECT_THAT(said, Contains(HasSubstr("`event-channel-ctrl` is missing")));
    EXPECT_THAT(backends->log, Not(Contains("connect 0")));
}

} // namespace
} // namespace zocalo::toolstack
