// SPDX-License-Identifier: Apache-2.0
#include "backends/net/transport.hpp"
#include "tests/unit/backends/net/frames.hpp"

#include <gtest/gtest.h>

namespace zocalo::net {
namespace {

using namespace test;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

// Stores the pseudo sum, finishes the checksum, and compares with the oracle: what a guest, netback
// and the host's kernel do together.
void expect_right_checksum(Frame frame, bool v6, std::uint8_t protocol)
{
    const auto transport = find_transport(frame);
    ASSERT_TRUE(transport);
    EXPECT_EQ(transport->v6, v6);
    EXPECT_EQ(transport->tcp, protocol == kTcp);
    EXPECT_EQ(transport->end, frame.size());
    const std::size_t field = transport->start + transport->checksum;
    const std::size_t addresses = v6 ? 22u : 26u; // no VLAN tag in these frames
    const auto right =
        right_checksum(frame, addresses, v6 ? 32 : 8, protocol, transport->start, field);
    store_pseudo_sum(frame, *transport);
    ASSERT_TRUE(finish_checksum(frame, transport->start, transport->checksum));
    EXPECT_EQ(load16(frame, field), right);
}

TEST(Transport, TcpOverIpv4GetsItsChecksum)
{
    expect_right_checksum(ipv4(kTcp, tcp(bytes("hello over tcp"))), false, kTcp);
}

TEST(Transport, UdpOverIpv4GetsItsChecksum)
{
    expect_right_checksum(ipv4(kUdp, udp(bytes("query"))), false, kUdp);
}

TEST(Transport, TcpOverIpv6GetsItsChecksum)
{
    expect_right_checksum(ipv6(kTcp, tcp(bytes("hello over six"))), true, kTcp);
}

TEST(Transport, UdpOverIpv6GetsItsChecksum)
{
    expect_right_checksum(ipv6(kUdp, udp(bytes("odd"))), true, kUdp);
}

TEST(Transport, EveryPayloadLengthSumsRight)
{
    Frame payload;
    for (unsigned length = 0; length < 70; ++length) {
        expect_right_checksum(ipv4(kTcp, tcp(payload)), false, kTcp);
        payload.push_back(static_cast<std::uint8_t>(0xff - length));
    }
}

TEST(Transport, OptionsOfIpv4AndTcpMoveTheOffsets)
{
    const Frame options{1, 1, 1, 0};
    const auto transport = find_transport(ipv4(kTcp, tcp(bytes("x"), options), options));
    ASSERT_TRUE(transport);
    EXPECT_EQ(transport->start, 14 + 24);
    EXPECT_EQ(transport->payload, 14 + 24 + 24);
}

TEST(Transport, LargeSegmentsSumWithoutOverflow)
{
    expect_right_checksum(ipv4(kTcp, tcp(Frame(65000, 0xff))), false, kTcp);
}

TEST(Transport, ChecksumThatComesOutAsZeroIsSentAsAllOnes)
{
    Frame frame(16, 0);
    frame[14] = frame[15] = 0xff; // sum 0xffff, whose complement is zero: "none" in UDP
    ASSERT_TRUE(finish_checksum(frame, 0, 6));
    EXPECT_EQ(load16(frame, 6), 0xffff);
}

TEST(Transport, IsFoundBehindTwoVlanTags)
{
    Frame frame = ipv4(kUdp, udp(bytes("tagged")));
    frame.insert(frame.begin() + 12, {0x88, 0xa8, 0, 5, 0x81, 0, 0, 7});
    const auto transport = find_transport(frame);
    ASSERT_TRUE(transport);
    EXPECT_EQ(transport->start, 14 + 8 + 20);
    frame.insert(frame.begin() + 12, {0x81, 0, 0, 9});
    EXPECT_FALSE(find_transport(frame)) << "three tags";
}

TEST(Transport, IsFoundBehindIpv6ExtensionHeaders)
{
    Frame payload{60, 0, 1, 4, 0, 0, 0, 0}; // hop by hop, then destination options
    append(payload, Frame{kUdp, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    append(payload, udp(bytes("deep")));
    const auto transport = find_transport(ipv6(0, payload));
    ASSERT_TRUE(transport);
    EXPECT_EQ(transport->start, 14 + 40 + 8 + 16);
    EXPECT_TRUE(transport->rewritable);
}

TEST(Transport, RoutingHeaderKeepsTheSendersPseudoSum)
{
    Frame payload{kUdp, 2, 0, 1};
    payload.resize(24);
    Frame segment = udp(bytes("routed"));
    store16(segment, 6, 0xabcd);
    append(payload, segment);
    Frame frame = ipv6(43, payload);
    const auto transport = find_transport(frame);
    ASSERT_TRUE(transport);
    store_pseudo_sum(frame, *transport);
    EXPECT_EQ(load16(frame, transport->start + 6u), 0xabcd);
}

TEST(Transport, FragmentsHaveNone)
{
    Frame first = ipv4(kUdp, udp(bytes("fragment")));
    first[20] = 0x20; // more fragments
    EXPECT_FALSE(find_transport(first));
    Frame later = ipv4(kUdp, udp(bytes("fragment")));
    later[21] = 1; // offset
    EXPECT_FALSE(find_transport(later));
    Frame v6{kUdp, 0, 0, 0, 0, 0, 0, 1};
    append(v6, udp(bytes("fragment")));
    EXPECT_FALSE(find_transport(ipv6(44, v6)));
}

TEST(Transport, OtherProtocolsHaveNone)
{
    EXPECT_FALSE(find_transport(ipv4(1, Frame(64, 0))));
    EXPECT_FALSE(find_transport(ipv6(58, Frame(64, 0))));
    Frame arp = ethernet(0x0806);
    arp.resize(60);
    EXPECT_FALSE(find_transport(arp));
}

TEST(Transport, EveryTruncationOfAFrameIsRefused)
{
    const Frame data = bytes("data");
    for (const Frame& whole :
         {ipv4(kTcp, tcp(data)),
          ipv4(kUdp, udp(data)),
          ipv6(kTcp, tcp(data)),
          ipv6(kUdp, udp(data))}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            EXPECT_FALSE(find_transport(cut)) << size << " of " << whole.size();
        }
    }
}

TEST(Transport, LyingHeaderLengthsAreRefused)
{
    Frame frame = ipv4(kTcp, tcp(bytes("data")));
    frame[14] = 0x44; // IHL below 5
    EXPECT_FALSE(find_transport(frame));
    frame = ipv4(kTcp, tcp(bytes("data")));
    frame[14 + 20 + 12] = 0xf0; // TCP header longer than the segment
    EXPECT_FALSE(find_transport(frame));
    frame[14 + 20 + 12] = 0x40; // shorter than a TCP header
    EXPECT_FALSE(find_transport(frame));
    frame = ipv4(kTcp, tcp(bytes("data")));
    store16(frame, 16, 19); // total length below the header
    EXPECT_FALSE(find_transport(frame));
}

TEST(Transport, PaddingIsNotPartOfThePacket)
{
    Frame frame = ipv4(kUdp, udp({}));
    const std::size_t end = frame.size();
    frame.resize(60, 0xee);
    const auto transport = find_transport(frame);
    ASSERT_TRUE(transport);
    EXPECT_EQ(transport->end, end);
}

TEST(Transport, ChecksumFieldOutsideOfTheFrameIsNotWritten)
{
    Frame frame(20, 0);
    EXPECT_FALSE(finish_checksum(frame, 21, 0));
    EXPECT_FALSE(finish_checksum(frame, 20, 0));
    EXPECT_FALSE(finish_checksum(frame, 10, 9));
    EXPECT_EQ(frame, Frame(20, 0));
    EXPECT_TRUE(finish_checksum(frame, 10, 8));
}

} // namespace
} // namespace zocalo::net
