// SPDX-License-Identifier: Apache-2.0
// All verbs, and finding one by its name or a unique beginning of it.
#pragma once

#include "cli/command.hpp"

namespace zocalo::cli {

std::span<const Command* const> commands();

// The command of that name, or the only one whose name begins so. Code::usage with the candidates,
// or with the nearest name.
Outcome<const Command*> find_command(std::string_view word);

std::string_view title(Section section);

} // namespace zocalo::cli
