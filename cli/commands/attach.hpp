// SPDX-License-Identifier: Apache-2.0
// Attaching the terminal to a domain's console, and waiting for a domain to end: what create and
// console have in common.
#pragma once

#include "cli/command.hpp"

#include <optional>

namespace zocalo::cli {

struct Attachment {
    std::string ref;
    std::optional<std::uint64_t> replay; // bytes of history; none: all there is
    bool write{true};
    bool steal{false};
    char detach{'\x1d'}; // ^]
};

// Returns when the detach key is typed or the console ends. The terminal is raw meanwhile, and is
// put back whatever ends it.
Outcome<Unit> attach_console(const Session& session, const Attachment& attachment);

// Returns once the domain is gone from Xen or stopped.
Outcome<Unit> wait_for_end(const Session& session, const std::string& ref);

// "^]", "^]" typed as one control character, or a single character.
Outcome<char> parse_detach_key(std::string_view text);

} // namespace zocalo::cli
