// SPDX-License-Identifier: Apache-2.0
// The shape most verbs share: one change to the domain named first, or to one device of it.
#pragma once

#include "cli/command.hpp"

namespace zocalo::cli {

// `verb` as a change to the domain that its first word names: how many words it takes is read off
// its `arguments` ("DOMAIN VDEV [WHAT]": two or three), completion offers domains, and the options
// of a change are its own.
constexpr Command on_domain(Command verb)
{
    bool begins = true;
    for (const char c : verb.arguments) {
        if (begins && c != ' ') {
            ++verb.most;
            verb.least += c == '[' ? 0 : 1;
        }
        begins = c == ' ';
    }
    verb.completion = Completion::domain;
    verb.changes = true;
    return verb;
}

// POST /v1/domains/{args[0]}{rest} with `body`.
Outcome<Unit> post_domain(
    const Args& args,
    Session& session,
    std::string_view rest,
    boost::json::object body = {},
    bool wait = true
);

// The size that args[1] gives becomes the member `which` of a MemoryBody.
Outcome<Unit> post_memory(const Args& args, Session& session, const char* which);

// POST /v1/domains/{args[0]}/{kind}/{args[1]}/{action}: `kind` is "disks" or "nics".
Outcome<Unit> post_device(
    const Args& args,
    Session& session,
    std::string_view kind,
    std::string_view action,
    boost::json::object body = {}
);

// DELETE /v1/domains/{args[0]}/{kind}/{args[1]}; does not ask the guest when args has "force".
Outcome<Unit> detach_device(const Args& args, Session& session, std::string_view kind);

} // namespace zocalo::cli
