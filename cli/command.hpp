// SPDX-License-Identifier: Apache-2.0
// Command: a verb of zl as data and a function. One file per verb in commands/; the registry lists
// them. Help, completion and the man page come from this data.
#pragma once

#include "cli/session.hpp"

#include <span>
#include <string_view>

namespace zocalo::cli {

// The heading of the man page and of `help` under which a verb stands.
enum class Section { lifecycle, managed, inspect, console, tuning, devices, daemon, help };

// What completion offers for the words after the verb.
enum class Completion { none, domain, file, verb, output };

inline constexpr std::size_t kAnyNumber = 1024;

struct Command {
    std::string_view name;
    std::string_view arguments; // "DOMAIN [options]", as help shows them
    std::string_view summary;   // one sentence
    std::string_view details;   // more sentences for the man page and --help; may be empty
    Section section{};
    std::span<const Option> options{};
    std::size_t least{0}, most{0}; // words after the verb
    Completion completion{Completion::none};
    bool shows{false};    // takes the options of Session::show
    bool changes{false};  // takes the options of Session::change
    bool dry_runs{false}; // understands -N
    Outcome<Unit> (*run)(const Args& args, Session& session){};
};

// All options of a command, the shared ones included; a letter that the command uses itself is
// taken from the shared option.
std::vector<Option> all_options(const Command& command);

} // namespace zocalo::cli
