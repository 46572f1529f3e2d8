// SPDX-License-Identifier: Apache-2.0
#include "backends/net/transport.hpp"

#include <bit>
#include <cstring>

namespace zocalo::net {
namespace {

using Bytes = std::span<const std::uint8_t>;

// EtherTypes and IP protocol numbers as IANA assigned them.
constexpr std::uint16_t kVlan = 0x8100;
constexpr std::uint16_t kServiceVlan = 0x88a8;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kDestination = 60;

constexpr unsigned kMaxVlanTags = 2;
constexpr unsigned kMaxExtensionHeaders = 8;
constexpr std::size_t kIpv6Header = 40;

std::uint16_t big16(Bytes bytes, std::size_t at)
{
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// The value whose bytes in memory are those of `value` in network order.
std::uint16_t to_network(std::uint16_t value)
{
    return std::endian::native == std::endian::little ? __builtin_bswap16(value) : value;
}

std::uint16_t fold(std::uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// What both IP versions lead to: `length` bytes of `protocol` at `start`.
struct Segment {
    std::size_t start{};
    std::size_t length{};
    std::uint8_t protocol{};
    bool routed{};
};

std::optional<Segment> find_ipv4_segment(Bytes frame, std::size_t at)
{
    if (frame.size() < at + 20 || frame[at] >> 4 != 4)
        return std::nullopt;
    const std::size_t header = (frame[at] & 0xfu) * 4u;
    const std::size_t total = big16(frame, at + 2);
    const bool fragment = (big16(frame, at + 6) & 0x3fff) != 0; // more-fragments flag or an offset
    if (header < 20 || total < header || frame.size() < at + total || fragment)
        return std::nullopt;
    return Segment{at + header, total - header, frame[at + 9], false};
}

std::optional<Segment> find_ipv6_segment(Bytes frame, std::size_t at)
{
    if (frame.size() < at + kIpv6Header || frame[at] >> 4 != 6)
        return std::nullopt;
    const std::size_t end = at + kIpv6Header + big16(frame, at + 4);
    if (frame.size() < end)
        return std::nullopt;
    std::size_t next = at + kIpv6Header;
    Segment segment{.protocol = frame[at + 6]};
    for (unsigned i = 0; i <= kMaxExtensionHeaders; ++i) {
        const std::uint8_t type = segment.protocol;
        if (type != kHopByHop && type != kRouting && type != kDestination) {
            segment.start = next;
            segment.length = end - next;
            return segment;
        }
        if (end < next + 8)
            return std::nullopt;
        const std::size_t size = (frame[next + 1] + 1u) * 8u;
        if (end < next + size)
            return std::nullopt;
        segment.routed = segment.routed || (type == kRouting && frame[next + 3] != 0);
        segment.protocol = frame[next];
        next += size;
    }
    return std::nullopt;
}

std::uint16_t pseudo_sum(Bytes addresses, const Segment& segment)
{
    std::uint64_t sum = to_network(segment.protocol);
    sum += to_network(static_cast<std::uint16_t>(segment.length));
    return ones_sum(addresses, sum);
}

} // namespace

std::optional<NetworkHeader> find_network(Bytes frame, unsigned tags)
{
    std::size_t at = 12;
    for (unsigned tag = 0; tag <= tags; ++tag, at += 4) {
        if (frame.size() < at + 2)
            return std::nullopt;
        const std::uint16_t type = big16(frame, at);
        if (type != kVlan && type != kServiceVlan)
            return NetworkHeader{at + 2, type};
    }
    return std::nullopt;
}

std::uint16_t ones_sum(Bytes bytes, std::uint64_t initial)
{
    std::uint64_t sum = initial;
    std::size_t at = 0;
    for (; at + 4 <= bytes.size();
         at += 4) { // a 64-bit sum of 32-bit words cannot wrap below 16 GiB
        std::uint32_t word;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        sum += word;
    }
    std::uint32_t rest = 0;
    if (at < bytes.size())
        std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
    return fold(sum + rest);
}

std::optional<Transport> find_transport(Bytes frame)
{
    const auto network = find_network(frame, kMaxVlanTags);
    if (!network || (network->type != kEtherIpv4 && network->type != kEtherIpv6))
        return std::nullopt;
    const bool v6 = network->type == kEtherIpv6;
    const auto segment =
        v6 ? find_ipv6_segment(frame, network->at) : find_ipv4_segment(frame, network->at);
    if (!segment || (segment->protocol != kTcp && segment->protocol != kUdp))
        return std::nullopt;

    const bool tcp = segment->protocol == kTcp;
    std::size_t header = tcp ? 20 : 8;
    if (segment->length < header)
        return std::nullopt;
    if (tcp)
        header = (frame[segment->start + 12] >> 4) * 4u;
    // The last test keeps every offset within the 16 bits that a virtio_net_hdr has for it.
    if (header < (tcp ? 20u : 8u) || segment->length < header || segment->start + header > 0xffff)
        return std::nullopt;

    const std::size_t addresses = network->at + (v6 ? 8u : 12u);
    return Transport{
        .start = static_cast<std::uint16_t>(segment->start),
        .checksum = static_cast<std::uint16_t>(tcp ? 16 : 6),
        .payload = static_cast<std::uint16_t>(segment->start + header),
        .end = static_cast<std::uint32_t>(segment->start + segment->length),
        .tcp = tcp,
        .v6 = v6,
        .rewritable = !segment->routed,
        .pseudo_sum = pseudo_sum(frame.subspan(addresses, v6 ? 32 : 8), *segment),
    };
}

void store_pseudo_sum(std::span<std::uint8_t> frame, const Transport& transport)
{
    if (transport.rewritable)
        std::memcpy(
            frame.data() + transport.start + transport.checksum,
            &transport.pseudo_sum,
            sizeof transport.pseudo_sum
        );
}

bool finish_checksum(std::span<std::uint8_t> frame, std::size_t start, std::size_t offset)
{
    if (start > frame.size() || frame.size() - start < offset + 2)
        return false;
    const std::uint16_t sum = ones_sum(frame.subspan(start));
    // Zero means "no checksum" to UDP (RFC 768); its other spelling is equal in ones' complement.
    const auto checksum = static_cast<std::uint16_t>(sum == 0xffff ? 0xffff : ~sum);
    std::memcpy(frame.data() + start + offset, &checksum, sizeof checksum);
    return true;
}

} // namespace zocalo::net
