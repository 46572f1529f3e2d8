// SPDX-License-Identifier: Apache-2.0
#include "backends/net/offload.hpp"
#include "tests/unit/backends/net/frames.hpp"

#include <gtest/gtest.h>
#include <xen/io/netif.h>

#include <linux/if_tun.h>

namespace zocalo::net {
namespace {

using namespace test;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr GuestOffloads kAble{true, true, true, true, true};

TapHeader needs_checksum(std::uint16_t start, std::uint16_t offset)
{
    TapHeader header{};
    header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.csum_start = start;
    header.csum_offset = offset;
    return header;
}

TEST(ToTap, FinishedFrameGoesThroughUntouched)
{
    Frame frame = ipv4(kUdp, udp(bytes("done")));
    const Frame before = frame;
    const auto out = to_tap(frame, false, {});
    ASSERT_TRUE(out);
    EXPECT_EQ(out->header.flags, 0);
    EXPECT_EQ(out->header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    EXPECT_EQ(out->length, before.size());
    EXPECT_EQ(frame, before);
}

TEST(ToTap, BlankChecksumNamesItsPlace)
{
    Frame frame = ipv4(kUdp, udp(bytes("blank")));
    const auto out = to_tap(frame, true, {});
    ASSERT_TRUE(out);
    EXPECT_EQ(out->header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    EXPECT_EQ(out->header.csum_start, 34);
    EXPECT_EQ(out->header.csum_offset, 6);
    EXPECT_EQ(out->header.gso_size, 0);
}

TEST(ToTap, BlankChecksumOfAnUnknownProtocolDropsTheFrame)
{
    Frame frame = ipv4(1, Frame(64, 0));
    EXPECT_FALSE(to_tap(frame, true, {}));
}

TEST(ToTap, PaddingBehindABlankChecksumIsCut)
{
    Frame frame = ipv4(kUdp, udp(bytes("x")));
    const std::size_t real = frame.size();
    frame.resize(60, 0xee); // the kernel would sum it
    const auto out = to_tap(frame, true, {});
    ASSERT_TRUE(out);
    EXPECT_EQ(out->length, real);
}

TEST(ToTap, SegmentationCarriesSizesAndImpliesTheChecksum)
{
    Frame frame = ipv6(kTcp, tcp(Frame(5000, 'x')));
    const auto out = to_tap(frame, false, Gso{1440, true});
    ASSERT_TRUE(out);
    EXPECT_EQ(out->header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    EXPECT_EQ(out->header.gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
    EXPECT_EQ(out->header.gso_size, 1440);
    EXPECT_EQ(out->header.hdr_len, 14 + 40 + 20);
}

TEST(ToTap, SegmentationOfOneSegmentIsNone)
{
    Frame frame = ipv4(kTcp, tcp(Frame(1000, 'x')));
    const auto out = to_tap(frame, true, Gso{1000, false});
    ASSERT_TRUE(out);
    EXPECT_EQ(out->header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    EXPECT_EQ(out->header.gso_size, 0);
}

TEST(ToTap, SegmentationOfTheWrongProtocolDropsTheFrame)
{
    Frame datagram = ipv4(kUdp, udp(Frame(3000, 'x')));
    EXPECT_FALSE(to_tap(datagram, true, Gso{1000, false}));
    Frame four = ipv4(kTcp, tcp(Frame(3000, 'x')));
    EXPECT_FALSE(to_tap(four, true, Gso{1000, true}));
}

TEST(ToGuest, BlankChecksumIsPassedOnToAGuestThatCan)
{
    Frame frame = ipv4(kTcp, tcp(bytes("x")));
    const Frame before = frame;
    const auto out = to_guest(needs_checksum(34, 16), frame, kAble);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->flags, NETRXF_csum_blank | NETRXF_data_validated);
    EXPECT_FALSE(out->gso);
    EXPECT_EQ(frame, before);
}

struct Unable {
    Frame frame;
    bool v6;
    std::uint8_t protocol;
    std::uint16_t start, offset;
    GuestOffloads guest;
};

TEST(ToGuest, ChecksumIsFinishedForAGuestThatCannot)
{
    const GuestOffloads no_v4{.scatter_gather = true, .checksum_v4 = false, .checksum_v6 = true};
    const GuestOffloads no_v6{.scatter_gather = true, .checksum_v4 = true, .checksum_v6 = false};
    for (Unable row :
         {Unable{ipv4(kTcp, tcp(bytes("four"))), false, kTcp, 34, 16, no_v4},
          Unable{ipv4(kUdp, udp(bytes("four"))), false, kUdp, 34, 6, no_v4},
          Unable{ipv6(kTcp, tcp(bytes("six"))), true, kTcp, 54, 16, no_v6},
          Unable{ipv6(kUdp, udp(bytes("six"))), true, kUdp, 54, 6, no_v6}}) {
        const std::size_t field = row.start + row.offset;
        const auto right = right_checksum(
            row.frame, row.v6 ? 22 : 26, row.v6 ? 32 : 8, row.protocol, row.start, field
        );
        store_pseudo_sum(row.frame, *find_transport(row.frame)); // the kernel leaves it like this
        const auto out = to_guest(needs_checksum(row.start, row.offset), row.frame, row.guest);
        ASSERT_TRUE(out);
        EXPECT_EQ(out->flags, NETRXF_data_validated);
        EXPECT_EQ(load16(row.frame, field), right);
    }
}

TEST(ToGuest, ValidatedDataStaysValidated)
{
    Frame frame = ipv4(kTcp, tcp(bytes("x")));
    TapHeader header{};
    header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    const auto out = to_guest(header, frame, kAble);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->flags, NETRXF_data_validated);
}

TEST(ToGuest, SegmentationIsPassedOnOnlyToAGuestThatCan)
{
    Frame frame = ipv4(kTcp, tcp(Frame(4000, 'x')));
    TapHeader header = needs_checksum(34, 16);
    header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN;
    header.gso_size = 1448;
    const auto out = to_guest(header, frame, kAble);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->gso, (Gso{1448, false}));
    EXPECT_EQ(out->flags, NETRXF_csum_blank | NETRXF_data_validated);
    EXPECT_FALSE(to_guest(header, frame, {.scatter_gather = true}));
}

TEST(ToTap, AHostThatShallGetFramesWholeGetsTheirChecksum)
{
    Frame frame = ipv4(kTcp, tcp(bytes("whole")));
    const auto right = right_checksum(frame, 26, 8, kTcp, 34, 50);
    const auto left = to_tap(frame, true, {});
    ASSERT_TRUE(left);
    const auto out = finished(*left, frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->header.flags, 0);
    EXPECT_EQ(load16(frame, 50), right);
    Frame as_it_is(60, 7);
    EXPECT_TRUE(finished(*to_tap(as_it_is, false, {}), as_it_is));
    Frame segments = ipv4(kTcp, tcp(Frame(4000, 'x')));
    EXPECT_FALSE(finished(*to_tap(segments, true, Gso{1448, false}), segments));
}

TEST(TapOffloads, AreWhatTheGuestCanTake)
{
    EXPECT_EQ(tap_offloads({.checksum_v4 = false}), 0u);
    EXPECT_EQ(tap_offloads({}), unsigned{TUN_F_CSUM});
    EXPECT_EQ(tap_offloads(kAble), unsigned{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6});
    GuestOffloads no_sg = kAble;
    no_sg.scatter_gather = false;
    EXPECT_EQ(tap_offloads(no_sg), unsigned{TUN_F_CSUM});
    GuestOffloads no_v4 = kAble;
    no_v4.checksum_v4 = false;
    GuestOffloads program = kAble;
    program.headroom = 256;
    EXPECT_EQ(tap_offloads(program), unsigned{TUN_F_CSUM}) << "XDP sees frames of one page";
    EXPECT_EQ(tap_offloads(no_v4), unsigned{TUN_F_CSUM | TUN_F_TSO6});
}

} // namespace
} // namespace zocalo::net
