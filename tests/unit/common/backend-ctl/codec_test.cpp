// SPDX-License-Identifier: Apache-2.0
#include "common/backend-ctl/codec.hpp"

#include <gtest/gtest.h>

#include <string>

namespace zocalo::backend {
namespace {

std::vector<Request> requests()
{
    return {
        Hello{},
        AddDisk{51712, true, false, false, true, 4096, "web1 xvda"},
        AddNic{2, {0, 0x16, 0x3e, 1, 2, 3}, 9000, 4, true, false, true, "web1 vif2"},
        Connect{
            51712,
            DomId{7},
            RingAbi::x86_64,
            1,
            true,
            256,
            {Queue{{GrantRef{8}, GrantRef{0xffffffff}}, {EventPort{15}}}, Queue{{GrantRef{9}}, {}}},
            ControlRing{GrantRef{10}, EventPort{16}}},
        Disconnect{1},
        RemoveDevice{2},
        ListDevices{},
        GetStats{3},
        SetLimits{4, 1, 2, 3, 0xffffffffffffffffu, "scratch"},
        MeasureDisk{51712},
        Settle{3},
        ChangeMedium{51712},
        SetHeadroom{0, 256},
        Shutdown{},
    };
}

std::vector<Answer> answers()
{
    const std::vector<Node> features{{"feature-flush-cache", "1"}, {"info", "4"}};
    const std::vector<Node> connected{{"sectors", "2048"}, {"sector-size", "512"}};
    return {
        HelloAnswer{kProtocolVersion, Kind::net, DomId{3}},
        Done{},
        Failed{"cannot map the ring", "see the journal"},
        Ready{51712, features, connected},
        DeviceList{{Device{51712, DeviceState::stopped, DomId{4}, features, connected}, Device{}}},
        Stats{51712, {{"read_bytes", 1u << 20}, {"errors", 0}}},
    };
}

TEST(BackendCodec, EveryRequestSurvivesTheWire)
{
    ASSERT_EQ(requests().size(), std::variant_size_v<Request>);
    std::uint32_t sequence = 1;
    for (const Request& request : requests()) {
        const RequestFrame frame{sequence++, request};
        auto bytes = encode(frame);
        ASSERT_TRUE(bytes);
        auto back = decode_request(*bytes);
        ASSERT_TRUE(back) << back.error().what;
        EXPECT_EQ(*back, frame);
        EXPECT_FALSE(decode_backend(*bytes)) << "a request passed for an answer";
    }
}

TEST(BackendCodec, EveryAnswerAndEventSurvivesTheWire)
{
    ASSERT_EQ(answers().size(), std::variant_size_v<Answer>);
    std::vector<BackendFrame> frames;
    for (const Answer& answer : answers())
        frames.push_back({9, answer});
    frames.push_back({0, Event{DeviceStopped{51712, "the ring's producer is impossible"}}});
    frames.push_back({0, Event{DeviceChanged{51712, {{"sectors", "4096"}}}}});
    for (const BackendFrame& frame : frames) {
        auto bytes = encode(frame);
        ASSERT_TRUE(bytes) << bytes.error().what;
        auto back = decode_backend(*bytes);
        ASSERT_TRUE(back) << back.error().what;
        EXPECT_EQ(*back, frame);
        EXPECT_FALSE(decode_request(*bytes));
    }
}

TEST(BackendCodec, ACutOrLengthenedMessageIsRefused)
{
    for (const Request& request : requests()) {
        Bytes bytes = *encode(RequestFrame{1, request});
        for (std::size_t length = 0; length < bytes.size(); ++length)
            EXPECT_FALSE(decode_request(std::span{bytes}.first(length)));
        bytes.push_back(std::byte{0});
        EXPECT_FALSE(decode_request(bytes));
    }
}

TEST(BackendCodec, AnotherVersionIsNamedInTheError)
{
    Bytes bytes = *encode(RequestFrame{1, Hello{}});
    bytes[4] = std::byte{kProtocolVersion + 1};
    auto result = decode_request(bytes);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::unsupported);
    EXPECT_NE(
        result.error().what.find("version " + std::to_string(kProtocolVersion + 1)),
        std::string::npos
    );
}

TEST(BackendCodec, ListsBeyondTheirBoundsAreRefusedBothWays)
{
    Connect connect;
    connect.queues.assign(kMaxQueues + 1, Queue{});
    EXPECT_FALSE(encode(RequestFrame{1, connect}));
    connect.queues.assign(1, Queue{std::vector<GrantRef>(kMaxRefsPerQueue + 1), {}});
    EXPECT_FALSE(encode(RequestFrame{1, connect}));

    connect.queues.clear();
    Bytes bytes = *encode(RequestFrame{1, connect});
    bytes[bytes.size() - 2] = std::byte{0xff}; // the list's length
    bytes[bytes.size() - 1] = std::byte{0xff};
    EXPECT_FALSE(decode_request(bytes));
}

TEST(BackendCodec, ABackendCannotNameNodesThatToolstackdOwns)
{
    for (const char* key : {"state", "online", "frontend", "frontend-id", "../x", "a/b", "", "A"}) {
        EXPECT_FALSE(publishable(key)) << key;
        EXPECT_FALSE(encode(BackendFrame{1, Answer{Ready{1, {{key, "1"}}, {}}}})) << key;
    }
    EXPECT_TRUE(publishable("feature-max-indirect-segments"));
    Bytes bytes = *encode(BackendFrame{1, Answer{Ready{1, {{"stat3", "1"}}, {}}}});
    for (std::byte& b : bytes)
        b = b == std::byte{'3'} ? std::byte{'e'} : b; // "state", as a hostile backend would send it
    EXPECT_FALSE(decode_backend(bytes));
}

TEST(BackendCodec, TextForPeopleIsCutAndCleanedButNotRefused)
{
    const std::string dirty = std::string(600, 'x') + "\n";
    auto bytes = encode(BackendFrame{0, Event{DeviceStopped{1, "a\nb" + dirty}}});
    ASSERT_TRUE(bytes);
    auto back = decode_backend(*bytes);
    ASSERT_TRUE(back);
    const auto& stopped = std::get<DeviceStopped>(std::get<Event>(back->body));
    EXPECT_EQ(stopped.reason.size(), kMaxTextBytes);
    EXPECT_EQ(stopped.reason.substr(0, 3), "a b");
}

TEST(BackendCodec, TheLargestListFitsADatagram)
{
    DeviceList all;
    Device device;
    for (int i = 0; i < 12; ++i)
        device.features.push_back({"feature-max-indirect-segments", "18446744073709551615"});
    all.devices.assign(kMaxDevices, device);
    EXPECT_TRUE(encode(BackendFrame{1, Answer{all}}));
}

} // namespace
} // namespace zocalo::backend
