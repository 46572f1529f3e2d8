// SPDX-License-Identifier: Apache-2.0
// Toeplitz hashes of flows, by which a guest spreads what it receives over its queues
// (xen/io/netif.h, "Hash types" and "Hash algorithms"; RSS to others). Pure; it knows neither who
// asked for the hash nor which queue it leads to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::net {

// As much as the longest input uses: each of its bits meets 32 bits of the key.
using HashKey = std::array<std::uint8_t, 40>;
constexpr std::size_t kLongestHashed = HashKey{}.size() - 4; // IPv6 addresses and ports

// The hash of one key, as a table: bit by bit a hash takes some 300 steps.
class Toeplitz {
  public:
    explicit Toeplitz(const HashKey& key = {});
    // Of the first kLongestHashed bytes.
    std::uint32_t hash(std::span<const std::uint8_t> bytes) const;

  private:
    // What each half of a byte adds at its place, the high one first.
    std::array<std::array<std::uint32_t, 16>, 2 * kLongestHashed> halves_{};
};

struct FlowHash {
    std::uint32_t value{};
    std::uint8_t type{}; // _XEN_NETIF_CTRL_HASH_TYPE_*: a number, not a bit
    friend bool operator==(const FlowHash&, const FlowHash&) = default;
};

// The hash of most detail that `types` (XEN_NETIF_CTRL_HASH_TYPE_* bits) and the frame allow:
// addresses and TCP ports where a whole TCP header is found, else addresses. Fragments have no
// ports. One VLAN tag is looked behind, as Linux takes one off before its backend sees the frame.
// Nothing for other frames, headers that do not fit the frame, and types not asked for.
std::optional<FlowHash>
hash_flow(std::span<const std::uint8_t> frame, const Toeplitz& key, std::uint32_t types);

} // namespace zocalo::net
