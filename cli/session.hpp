// SPDX-License-Identifier: Apache-2.0
// What every command gets: the daemon's API, where to print, and what was said before the verb.
#pragma once

#include "cli/arguments.hpp"
#include "cli/client/api.hpp"
#include "cli/format/listing.hpp"

#include <iosfwd>
#include <string>

namespace zocalo::cli {

inline constexpr const char* kDefaultSocket = "/run/zocalo/toolstackd.sock";

struct Session {
    Api& api;
    std::ostream& out;
    std::ostream& err;
    Mode mode{Mode::zl};
    bool dry_run{false};    // -N
    unsigned verbose{0};    // -v, counted
    bool out_is_tty{false}; // decides about live displays
    bool err_is_tty{false}; // decides about progress

    std::string program() const { return mode == Mode::xl ? "xl" : "zl"; }
    void warn(const std::string& text) const;

    // Prints as -o, --columns and --no-header of `args` say.
    Outcome<Unit> show(const Args& args, const Listing& listing) const;

    // Sends the change; waits as --wait, --no-wait and --timeout of `args` say (`wait` by default),
    // with the operation's step on stderr when that is a terminal.
    Outcome<rpc::OpView> change(const Args& args, const Change& change, bool wait = true) const;
};

// The options behind `show` and `change`, which the registry adds to the commands that want them.
std::span<const Option> output_options();
std::span<const Option> change_options();

} // namespace zocalo::cli
