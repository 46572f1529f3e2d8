// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/xenstore/node_value.hpp"

#include "common/rpc/device_states.hpp"

#include <charconv>

namespace zocalo::toolstack {

std::int64_t node_number(const std::optional<std::string>& value, std::int64_t otherwise)
{
    if (!value || value->empty())
        return otherwise;
    std::int64_t number{};
    const char* const last = value->data() + value->size();
    const auto [end, failed] = std::from_chars(value->data(), last, number);
    return failed == std::errc{} && end == last ? number : otherwise;
}

std::string state_word(const std::optional<std::string>& value)
{
    const auto state = static_cast<std::size_t>(node_number(value, 0));
    return std::string{rpc::kDeviceStates[state < rpc::kDeviceStates.size() ? state : 0]};
}

} // namespace zocalo::toolstack
