// SPDX-License-Identifier: Apache-2.0
// Help texts, printed from the registry.
#pragma once

#include "cli/command.hpp"

#include <iosfwd>

namespace zocalo::cli {

void print_overview(std::ostream& out, const std::string& program, bool long_form, Mode mode);
void print_command_help(
    std::ostream& out, const std::string& program, const Command& command, Mode mode
);

// The options before the verb.
std::span<const Option> global_options();

} // namespace zocalo::cli
