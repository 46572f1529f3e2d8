// SPDX-License-Identifier: Apache-2.0
// CpuList: sets of physical CPUs in xl's grammar ("all", "0-3,^1", "nodes:0-1,^3"; xl.cfg(5)
// `cpus`) to bitmaps and back. Pure: the host's CPUs and nodes are arguments.
#pragma once

#include "common/error/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

// Element i: whether CPU i is in the set.
using CpuSet = std::vector<bool>;

// `node_of[i]` is the node of CPU i; its size is the number of CPUs. Code::usage for bad syntax,
// for CPUs or nodes the host does not have, and for an empty result.
Outcome<CpuSet> parse_cpus(std::string_view text, const std::vector<std::uint32_t>& node_of);

// "all" when all of the host's `cpus` are in it, "none" when none is, else "0-2,5".
std::string format_cpus(const CpuSet& set, std::size_t cpus);

} // namespace zocalo::toolstack
