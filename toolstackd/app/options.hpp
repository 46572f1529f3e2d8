// SPDX-License-Identifier: Apache-2.0
// toolstackd's command line.
#pragma once

#include "common/error/error.hpp"

#include <span>
#include <string>

namespace zocalo::toolstack {

struct Options {
    enum class Action { serve, version, help, check_config, print_openapi, accept_database };
    Action action{Action::serve};
    std::string config; // empty: the default place
};

// Code::usage names the argument. The last action given counts.
Outcome<Options> parse_options(std::span<char* const> arguments);

extern const char* const kUsage;

} // namespace zocalo::toolstack
