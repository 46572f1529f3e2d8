// SPDX-License-Identifier: Apache-2.0
// The text of vlan= in a VIFSPEC: which VLANs a card takes part in. Pieces between slashes, each a
// number, a range A-B, or A+OxC for A, A+O, A+2O … (C of them); `p`: what the guest sends without a
// tag belongs here and comes without one; `u`: only the latter. "10p/20/30-40u/100+10x4".
#pragma once

#include "common/error/error.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace zocalo::rpc {

struct VlanRange {
    std::uint16_t first{}, last{};
    bool pvid{}, untagged{};

    friend bool operator==(const VlanRange&, const VlanRange&) = default;
};

Outcome<std::vector<VlanRange>> parse_vlans(std::string_view text);

} // namespace zocalo::rpc
