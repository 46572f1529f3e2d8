// SPDX-License-Identifier: Apache-2.0
// The shape most verbs share: one change to the domain named first.
#pragma once

#include "cli/command.hpp"

namespace zocalo::cli {

// POST /v1/domains/{args[0]}{rest} with `body`.
Outcome<Unit> post_domain(
    const Args& args,
    Session& session,
    std::string_view rest,
    boost::json::object body = {},
    bool wait = true
);

// shutdown and reboot: one domain, or with -a all guests; waits only with -w, as xl does.
Outcome<Unit> stop_guests(const Args& args, Session& session, std::string_view verb);

} // namespace zocalo::cli
