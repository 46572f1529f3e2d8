// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {

extern const Command pause_command = on_domain(
    {.name = "pause",
     .arguments = "DOMAIN",
     .summary = "Stop a domain's vCPUs; its memory stays.",
     .section = Section::lifecycle,
     .run = [](const Args& args, Session& session) { return post_domain(args, session, "/pause"); }}
);

} // namespace zocalo::cli
