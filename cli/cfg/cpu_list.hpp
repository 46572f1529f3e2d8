// SPDX-License-Identifier: Apache-2.0
// The syntax of CPU sets in cpus=, cpus_soft= and `zl vcpu-pin`: "all", "0-3,^1",
// "nodes:0-1,^node:1". Only the syntax: which CPUs and nodes exist is known to the daemon.
#pragma once

#include "common/error/error.hpp"

#include <string_view>

namespace zocalo::cli::cfg {

// Code::usage with the piece that is wrong.
Outcome<Unit> check_cpu_list(std::string_view text);

} // namespace zocalo::cli::cfg
