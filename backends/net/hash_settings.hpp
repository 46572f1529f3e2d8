// SPDX-License-Identifier: Apache-2.0
// HashSettings: how a guest wants the frames it receives hashed and spread over its queues, as it
// says over the control ring (xen/io/netif.h, "Control messages"). Each setter checks what it is
// given and changes nothing unless it succeeds. Pure; one for all queues of a card.
#pragma once

#include "backends/net/toeplitz.hpp"

#include <xen/io/netif.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::net {

enum class ControlStatus : std::uint32_t {
    success = XEN_NETIF_CTRL_STATUS_SUCCESS,
    not_supported = XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED,
    invalid_parameter = XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER,
    buffer_overflow = XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW,
};

class HashSettings {
  public:
    // As many as Linux's netback has.
    static constexpr std::uint32_t kMostEntries = 128;
    static constexpr std::uint32_t kAllTypes =
        XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP |
        XEN_NETIF_CTRL_HASH_TYPE_IPV6 | XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP;

    // All there is to know: kept in memory that outlives the process.
    struct Kept {
        std::uint32_t algorithm{XEN_NETIF_CTRL_HASH_ALGORITHM_NONE};
        std::uint32_t types{}; // XEN_NETIF_CTRL_HASH_TYPE_*
        std::uint32_t entries{};
        HashKey key{};
        std::array<std::uint8_t, kMostEntries> mapping{};
        friend bool operator==(const Kept&, const Kept&) = default;
    };

    // Frames go to queues below `queues`, at least one.
    explicit HashSettings(std::uint32_t queues = 1) : queues_{queues} {}

    ControlStatus set_algorithm(std::uint32_t algorithm);
    // The types there are.
    ControlStatus get_types(std::uint32_t& types) const;
    ControlStatus set_types(std::uint32_t types);
    // Whether a key of `bytes` can be set, before it is fetched.
    static ControlStatus allows_key(std::uint32_t bytes);
    ControlStatus set_key(std::span<const std::uint8_t> key);
    ControlStatus set_entries(std::uint32_t entries);
    // Whether a part of the mapping can be set, before it is fetched.
    ControlStatus allows_mapping(std::uint32_t first, std::uint32_t entries) const;
    ControlStatus set_mapping(std::uint32_t first, std::span<const std::uint32_t> queues);

    const Kept& kept() const { return kept_; }
    // False, and nothing changed, when no guest could have made them so.
    bool restore(const Kept& kept);

    // False: as if nobody had asked for anything.
    bool hashes() const { return has_algorithm() && kept_.types != 0; }
    // Nothing for frames that are not to be hashed.
    std::optional<FlowHash> hash(std::span<const std::uint8_t> frame) const;
    // Below the number of queues.
    std::uint32_t queue_of(const FlowHash& hash) const;

  private:
    bool has_algorithm() const { return kept_.algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_NONE; }

    std::uint32_t queues_;
    Kept kept_;
    Toeplitz toeplitz_; // of its key
};

} // namespace zocalo::net
