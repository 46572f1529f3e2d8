// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {

extern const Command unpause_command = on_domain(
    {.name = "unpause",
     .arguments = "DOMAIN",
     .summary = "Let a paused domain run again.",
     .section = Section::lifecycle,
     .run = [](const Args& args,
               Session& session) { return post_domain(args, session, "/unpause"); }}
);

} // namespace zocalo::cli
