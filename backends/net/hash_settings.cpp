// SPDX-License-Identifier: Apache-2.0
#include "backends/net/hash_settings.hpp"

#include <algorithm>

namespace zocalo::net {

using Status = ControlStatus;

// XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM
Status HashSettings::set_algorithm(std::uint32_t algorithm)
{
    if (algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_NONE &&
        algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ)
        return Status::invalid_parameter;
    kept_.algorithm = algorithm;
    return Status::success;
}

// XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS
Status HashSettings::get_types(std::uint32_t& types) const
{
    if (!has_algorithm())
        return Status::not_supported;
    types = kAllTypes;
    return Status::success;
}

// XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS
Status HashSettings::set_types(std::uint32_t types)
{
    if (!has_algorithm() || (types & ~kAllTypes) != 0)
        return Status::invalid_parameter;
    kept_.types = types;
    return Status::success;
}

Status HashSettings::allows_key(std::uint32_t bytes)
{
    return bytes > HashKey{}.size() ? Status::buffer_overflow : Status::success;
}

// XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: what is not given is zero.
Status HashSettings::set_key(std::span<const std::uint8_t> key)
{
    if (key.size() > kept_.key.size())
        return Status::buffer_overflow;
    kept_.key = {};
    std::ranges::copy(key, kept_.key.begin());
    toeplitz_ = Toeplitz{kept_.key};
    return Status::success;
}

// XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE: the new table is zero.
Status HashSettings::set_entries(std::uint32_t entries)
{
    if (entries > kMostEntries)
        return Status::invalid_parameter;
    kept_.entries = entries;
    kept_.mapping = {};
    return Status::success;
}

Status HashSettings::allows_mapping(std::uint32_t first, std::uint32_t entries) const
{
    const std::uint64_t end = std::uint64_t{first} + entries;
    if (end > kMostEntries)
        return Status::buffer_overflow;
    return end > kept_.entries ? Status::invalid_parameter : Status::success;
}

// XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING
Status HashSettings::set_mapping(std::uint32_t first, std::span<const std::uint32_t> queues)
{
    const std::size_t entries = std::min<std::size_t>(queues.size(), kMostEntries + 1);
    if (const Status allowed = allows_mapping(first, static_cast<std::uint32_t>(entries));
        allowed != Status::success)
        return allowed;
    if (!std::ranges::all_of(queues, [this](std::uint32_t queue) { return queue < queues_; }))
        return Status::invalid_parameter;
    for (std::size_t i = 0; i < queues.size(); ++i)
        kept_.mapping[first + i] = static_cast<std::uint8_t>(queues[i]);
    return Status::success;
}

bool HashSettings::restore(const Kept& kept)
{
    const bool known = kept.algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE ||
                       kept.algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
    const auto there = [this](std::uint8_t queue) { return queue < queues_; };
    if (!known || (kept.types & ~kAllTypes) != 0 || kept.entries > kMostEntries ||
        !std::ranges::all_of(kept.mapping, there))
        return false;
    kept_ = kept;
    toeplitz_ = Toeplitz{kept_.key};
    return true;
}

std::optional<FlowHash> HashSettings::hash(std::span<const std::uint8_t> frame) const
{
    if (!hashes())
        return std::nullopt;
    return hash_flow(frame, toeplitz_, kept_.types);
}

std::uint32_t HashSettings::queue_of(const FlowHash& hash) const
{
    if (kept_.entries == 0)
        return hash.value % queues_; // "modular arithmetic"
    return kept_.mapping[hash.value % kept_.entries];
}

} // namespace zocalo::net
