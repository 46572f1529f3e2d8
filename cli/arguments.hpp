// SPDX-License-Identifier: Apache-2.0
// A command's options as data, and the command line read by them (with cxxopts, in the .cpp only).
// Help, completion and man pages are printed from the same data.
#pragma once

#include "common/error/error.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::cli {

enum class Mode { zl, xl }; // xl: called by that name, for scripts that parse its tables

enum class Where { both, zl_only, xl_only };

struct Option {
    char letter{}; // 0: none
    std::string_view name;
    std::string_view value; // what to call its value; empty: a flag
    std::string_view help;
    Where where{Where::both};
};

class Args {
  public:
    std::vector<std::string> positional;

    bool has(std::string_view option) const { return count(option) > 0; }
    std::size_t count(std::string_view option) const;
    std::optional<std::string> value(std::string_view option) const; // the last one given
    // 0 … limit, decimal; Code::usage otherwise. `otherwise` when the option was not given.
    Outcome<std::uint64_t>
    number(std::string_view option, std::uint64_t otherwise, std::uint64_t limit) const;

    std::map<std::string, std::vector<std::string>, std::less<>> given;
};

// Reads what follows the verb. Unique beginnings of long options are accepted, as getopt does.
Outcome<Args>
parse_arguments(std::span<const Option> options, const std::vector<std::string>& words, Mode mode);

bool in_mode(const Option& option, Mode mode);

Outcome<std::uint64_t>
parse_number(std::string_view what, std::string_view text, std::uint64_t limit);
// "512", "512m", "2g" … as xl reads sizes (bare: MiB), in MiB. Code::usage otherwise.
Outcome<std::uint64_t> parse_mebibytes(std::string_view text);

} // namespace zocalo::cli
