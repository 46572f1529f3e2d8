// SPDX-License-Identifier: Apache-2.0
// Target: a request target ("/v1/domains/web%201?wait=5") taken apart: decoded path segments and
// query parameters, bounded. The one parser of client bytes that is ours (HTTP is Beast's, JSON is
// Boost.JSON's), therefore pure and fuzzed.
#pragma once

#include "common/error/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zocalo::toolstack {

// RFC 3986 origin form. `+` stands for itself.
struct Target {
    std::vector<std::string> path; // never empty strings, "." or ".."
    std::vector<std::pair<std::string, std::string>> query;

    // The value of a parameter; nullptr when it is missing. The first one counts.
    const std::string* find(std::string_view key) const;
    // A decimal number up to `most`; Code::usage names the parameter.
    Outcome<std::optional<std::uint64_t>> number(std::string_view key, std::uint64_t most) const;
    // "1", "true", "" (the bare key) are true; "0", "false" and a missing key are false.
    Outcome<bool> flag(std::string_view key) const;
};

inline constexpr std::size_t kLongestTarget = 4096;
inline constexpr std::size_t kMostSegments = 8;
inline constexpr std::size_t kMostParameters = 16;

// Code::usage says what is wrong with it. Control characters are refused, also when escaped.
Outcome<Target> parse_target(std::string_view text);

} // namespace zocalo::toolstack
