// SPDX-License-Identifier: Apache-2.0
// VIFSPEC, the text in xl.cfg's vif = [ "..." ] and after `zl network-attach DOMAIN`
// (xl-network-configuration(5)). Grammar only; the bridge's existence is the daemon's business.
#pragma once

#include "common/rpc/domain_config.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::cli::cfg {

// A bandwidth limit: so many bytes are granted each time the interval (microseconds) has passed.
struct VifRate {
    std::uint64_t bytes_per_interval{};
    std::uint32_t interval_us{50000};

    friend bool operator==(const VifRate&, const VifRate&) = default;
};

// "10Mb/s", "250KB/s@20ms": N[GMK](B|b)/s[@N(us|ms|s)]; b is bits, B bytes, K is 1000.
Outcome<VifRate> parse_rate(std::string_view text);

// Several pieces are read as one specification. Adds to `warnings` what has no effect.
Outcome<rpc::NicConfig>
parse_vif_spec(std::span<const std::string> pieces, std::vector<std::string>& warnings);

} // namespace zocalo::cli::cfg
