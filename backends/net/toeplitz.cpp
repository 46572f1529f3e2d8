// SPDX-License-Identifier: Apache-2.0
#include "backends/net/toeplitz.hpp"

#include "backends/net/transport.hpp"

#include <xen/io/netif.h>

#include <algorithm>
#include <cstring>

namespace zocalo::net {
namespace {

constexpr std::size_t kPortBytes = 4; // source and destination, side by side in TCP's header

// How one IP version is hashed.
struct Version {
    std::size_t header{};        // bytes of the fixed part
    std::size_t addresses{};     // offset in it; source and destination, side by side
    std::size_t address_bytes{}; // of both
    std::uint8_t plain{}, with_ports{};
};

constexpr Version kV4{
    20, 12, 8, _XEN_NETIF_CTRL_HASH_TYPE_IPV4, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP};
constexpr Version kV6{
    40, 8, 32, _XEN_NETIF_CTRL_HASH_TYPE_IPV6, _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP};
static_assert(kV6.address_bytes + kPortBytes == kLongestHashed);

bool is_whole(std::span<const std::uint8_t> header, bool v6)
{
    if (header.size() < (v6 ? kV6 : kV4).header)
        return false;
    return v6 ? header[0] >> 4 == 6 : header[0] >> 4 == 4 && (header[0] & 0xf) >= 5;
}

} // namespace

Toeplitz::Toeplitz(const HashKey& key)
{
    std::uint64_t window = 0; // the 40 bits of the key that the eight bits of a byte meet
    for (std::size_t i = 0; i < 4; ++i)
        window = window << 8 | key[i];
    for (std::size_t half = 0; half < halves_.size(); ++half) {
        const bool high = half % 2 == 0;
        if (high)
            window = window << 8 | key[half / 2 + 4];
        for (std::size_t value = 0; value < halves_[half].size(); ++value)
            for (unsigned bit = 0; bit < 4; ++bit) // from the left
                if ((value >> (3 - bit) & 1u) != 0)
                    halves_[half][value] ^=
                        static_cast<std::uint32_t>(window >> ((high ? 8 : 4) - bit));
    }
}

std::uint32_t Toeplitz::hash(std::span<const std::uint8_t> bytes) const
{
    std::uint32_t hash = 0;
    for (std::size_t i = 0; i < std::min(bytes.size(), kLongestHashed); ++i)
        hash ^= halves_[2 * i][bytes[i] >> 4] ^ halves_[2 * i + 1][bytes[i] & 0xf];
    return hash;
}

std::optional<FlowHash>
hash_flow(std::span<const std::uint8_t> frame, const Toeplitz& key, std::uint32_t types)
{
    const auto network = find_network(frame, 1);
    if (!network || (network->type != kEtherIpv4 && network->type != kEtherIpv6))
        return std::nullopt;
    const bool v6 = network->type == kEtherIpv6;
    const Version& version = v6 ? kV6 : kV4;
    const bool plain = (types & 1u << version.plain) != 0;
    const bool with_ports = (types & 1u << version.with_ports) != 0;
    if ((!plain && !with_ports) || !is_whole(frame.subspan(network->at), v6))
        return std::nullopt;

    std::array<std::uint8_t, kLongestHashed> input;
    const std::size_t length = version.address_bytes;
    std::memcpy(input.data(), frame.data() + network->at + version.addresses, length);
    if (with_ports) {
        const auto transport = find_transport(frame);
        if (transport && transport->tcp) {
            std::memcpy(input.data() + length, frame.data() + transport->start, kPortBytes);
            const auto whole = std::span{input}.first(length + kPortBytes);
            return FlowHash{key.hash(whole), version.with_ports};
        }
    }
    if (!plain)
        return std::nullopt;
    return FlowHash{key.hash(std::span{input}.first(length)), version.plain};
}

} // namespace zocalo::net
