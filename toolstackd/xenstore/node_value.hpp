// SPDX-License-Identifier: Apache-2.0
// What is written in a node, as something other than text. A guest may have written it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace zocalo::toolstack {

// A decimal number and nothing else, or `otherwise`.
std::int64_t node_number(const std::optional<std::string>& value, std::int64_t otherwise = -1);

// The word of rpc::kDeviceStates for what is written in a `state` node; "unknown" for nonsense.
std::string state_word(const std::optional<std::string>& value);

} // namespace zocalo::toolstack
