// SPDX-License-Identifier: Apache-2.0
// Where the TCP or UDP header sits in an Ethernet frame, and the Internet checksum over it. Used by
// both directions of netback on private copies of frames that a guest wrote: every length in them
// is hostile and is checked against the frame. Knows nothing of Xen, of rings or of tap devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::net {

constexpr std::size_t kEthernetHeader = 14;
// EtherTypes as IANA assigned them.
constexpr std::uint16_t kEtherIpv4 = 0x0800;
constexpr std::uint16_t kEtherIpv6 = 0x86dd;

struct NetworkHeader {
    std::size_t at{};     // offset of the header in the frame, perhaps its end
    std::uint16_t type{}; // EtherType
};

// What follows the Ethernet header and at most `tags` VLAN tags. Nothing when there are more.
std::optional<NetworkHeader> find_network(std::span<const std::uint8_t> frame, unsigned tags);

struct Transport {
    std::uint16_t start{};      // offset of the TCP or UDP header in the frame
    std::uint16_t checksum{};   // offset of the checksum field from `start`
    std::uint16_t payload{};    // offset of what follows the header, options included
    std::uint32_t end{};        // where the IP packet ends; what follows is Ethernet padding
    bool tcp{};                 // else UDP
    bool v6{};                  // else IPv4
    bool rewritable{};          // the pseudo header's addresses are those of the IP header
    std::uint16_t pseudo_sum{}; // folded, not inverted, in network byte order as stored in memory
};

// Finds the transport header behind up to two VLAN tags and the IPv6 extension headers. Nothing for
// what is not TCP or UDP, for IP fragments, and for headers that do not fit the frame.
std::optional<Transport> find_transport(std::span<const std::uint8_t> frame);

// Stores the pseudo header's sum where a device that finishes checksums expects to find it
// (RFC 793 and 8200 pseudo headers). Does nothing when `rewritable` is false: behind an IPv6
// routing header only the sender knows the final destination.
void store_pseudo_sum(std::span<std::uint8_t> frame, const Transport& transport);

// Computes the checksum over frame[start..] and stores it at start + offset: what a receiver
// without checksum offload needs. False, and nothing written, when the field is outside of the
// frame.
bool finish_checksum(std::span<std::uint8_t> frame, std::size_t start, std::size_t offset);

// Ones' complement sum of `bytes`, folded to 16 bits, added to `initial`; not inverted.
std::uint16_t ones_sum(std::span<const std::uint8_t> bytes, std::uint64_t initial = 0);

} // namespace zocalo::net
