// SPDX-License-Identifier: Apache-2.0
#include "backends/net/toeplitz.hpp"
#include "tests/unit/backends/net/frames.hpp"

#include <gtest/gtest.h>
#include <xen/io/netif.h>

#include <arpa/inet.h>
#include <string>

namespace zocalo::net {
namespace {

using namespace test;

// The key and the results are those that Microsoft publishes for implementers of RSS
// ("Verifying the RSS Hash Calculation").
constexpr HashKey kBytes{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                         0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                         0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                         0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
const Toeplitz kKey{kBytes};

constexpr std::uint32_t kAll = XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP |
                               XEN_NETIF_CTRL_HASH_TYPE_IPV6 | XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP;

struct Vector {
    const char* to;
    std::uint16_t to_port;
    const char* from;
    std::uint16_t from_port;
    std::uint32_t plain, tcp;
};

constexpr Vector kVectors[] = {
    {"161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178},
    {"65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea},
    {"12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a},
    {"209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f},
    {"202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2},
    {"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d},
    {"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf},
    {"fe80::200:f8ff:fe21:67cf",
     38024,
     "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
     44251,
     0x4b61e985,
     0x02d1feef},
};

bool is_v6(const Vector& v)
{
    return std::string{v.to}.find(':') != std::string::npos;
}

Frame frame_of(const Vector& v, std::uint8_t protocol, const Frame& segment)
{
    const bool v6 = is_v6(v);
    Frame frame = v6 ? ipv6(protocol, segment) : ipv4(protocol, segment);
    const int family = v6 ? AF_INET6 : AF_INET;
    const std::size_t source = v6 ? 22 : 26;
    EXPECT_EQ(inet_pton(family, v.from, &frame[source]), 1);
    EXPECT_EQ(inet_pton(family, v.to, &frame[source + (v6 ? 16 : 4)]), 1);
    return frame;
}

Frame tcp_frame(const Vector& v)
{
    Frame segment = tcp(bytes("data"));
    store16(segment, 0, v.from_port);
    store16(segment, 2, v.to_port);
    return frame_of(v, 6, segment);
}

Frame tagged(Frame frame, unsigned tags)
{
    for (unsigned i = 0; i < tags; ++i)
        frame.insert(frame.begin() + 12, {0x81, 0x00, 0x00, 0x2a});
    return frame;
}

TEST(Toeplitz, PublishedResults)
{
    for (const Vector& v : kVectors) {
        const bool v6 = is_v6(v);
        const auto with_ports = hash_flow(tcp_frame(v), kKey, kAll);
        ASSERT_TRUE(with_ports) << v.to;
        EXPECT_EQ(with_ports->value, v.tcp) << v.to;
        EXPECT_EQ(
            with_ports->type,
            v6 ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP : _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP
        );
        const auto plain = hash_flow(frame_of(v, 17, udp(bytes("data"))), kKey, kAll);
        ASSERT_TRUE(plain) << v.to;
        EXPECT_EQ(plain->value, v.plain) << v.to;
        EXPECT_EQ(
            plain->type, v6 ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6 : _XEN_NETIF_CTRL_HASH_TYPE_IPV4
        );
    }
}

TEST(Toeplitz, NothingHashesToZeroAndSoDoesAKeyOfZeros)
{
    EXPECT_EQ(kKey.hash({}), 0u);
    EXPECT_EQ(hash_flow(tcp_frame(kVectors[0]), Toeplitz{}, kAll)->value, 0u);
    const Frame longer(100, 0xff); // no more than the key reaches
    EXPECT_EQ(kKey.hash(longer), kKey.hash(std::span{longer}.first(kLongestHashed)));
}

TEST(Toeplitz, OnlyTypesThatWereAskedFor)
{
    const Frame tcp4 = tcp_frame(kVectors[0]);
    const auto plain = hash_flow(tcp4, kKey, XEN_NETIF_CTRL_HASH_TYPE_IPV4);
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->value, kVectors[0].plain);
    const std::uint32_t ports_only = XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP;
    EXPECT_EQ(hash_flow(tcp4, kKey, ports_only)->value, kVectors[0].tcp);
    EXPECT_FALSE(hash_flow(frame_of(kVectors[0], 17, udp({})), kKey, ports_only));
    EXPECT_FALSE(hash_flow(tcp_frame(kVectors[5]), kKey, XEN_NETIF_CTRL_HASH_TYPE_IPV4 | 2));
    EXPECT_FALSE(hash_flow(tcp4, kKey, 0));
    EXPECT_FALSE(hash_flow(ethernet(0x0806), kKey, kAll));
}

TEST(Toeplitz, FragmentsAreHashedWithoutPorts)
{
    const Vector& v = kVectors[1];
    for (const unsigned bits : {0x2000u, 0x0010u}) {
        Frame frame = tcp_frame(v);
        store16(frame, 20, bits);
        const auto hash = hash_flow(frame, kKey, kAll);
        ASSERT_TRUE(hash);
        EXPECT_EQ(hash->value, v.plain) << bits;
        EXPECT_FALSE(hash_flow(frame, kKey, XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP));
    }
    Frame fragment{6, 0, 0, 1, 0, 0, 0, 9};
    append(fragment, tcp(bytes("data")));
    EXPECT_EQ(hash_flow(frame_of(kVectors[5], 44, fragment), kKey, kAll)->value, kVectors[5].plain);
}

TEST(Toeplitz, OptionsAreSteppedOver)
{
    const Vector& v = kVectors[5];
    Frame options{6, 0, 1, 4, 0, 0, 0, 0}; // hop-by-hop before TCP
    Frame segment = tcp({});
    store16(segment, 0, v.from_port);
    store16(segment, 2, v.to_port);
    append(options, segment);
    EXPECT_EQ(hash_flow(frame_of(v, 0, options), kKey, kAll)->value, v.tcp);
}

TEST(Toeplitz, OneTagIsLookedBehind)
{
    const Frame frame = tcp_frame(kVectors[2]);
    EXPECT_EQ(hash_flow(tagged(frame, 1), kKey, kAll)->value, kVectors[2].tcp);
    EXPECT_FALSE(hash_flow(tagged(frame, 2), kKey, kAll));
}

TEST(Toeplitz, CutFramesAreHashedAsFarAsTheyAreWhole)
{
    for (const Vector& v : {kVectors[3], kVectors[7]}) {
        const Frame whole = tcp_frame(v);
        const std::size_t addresses = is_v6(v) ? 54 : 34;
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const auto hash = hash_flow(std::span{whole}.first(size), kKey, kAll);
            ASSERT_EQ(hash.has_value(), size >= addresses) << size;
            if (hash) {
                EXPECT_EQ(hash->value, v.plain) << size;
            }
        }
    }
    Frame bad = tcp_frame(kVectors[3]);
    bad[14] = 0x44; // a header shorter than itself
    EXPECT_FALSE(hash_flow(bad, kKey, kAll));
    bad[14] = 0x65;
    EXPECT_FALSE(hash_flow(bad, kKey, kAll));
}

} // namespace
} // namespace zocalo::net
