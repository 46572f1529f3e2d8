// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {

extern const Command mem_set_command = on_domain(
    {.name = "mem-set",
     .arguments = "DOMAIN SIZE",
     .summary = "Set how much memory a domain shall have now.",
     .details = "SIZE is in MiB, or has one of b, k, m, g, t behind it.",
     .section = Section::tuning,
     .run = [](const Args& args,
               Session& session) { return post_memory(args, session, "target_mib"); }}
);

} // namespace zocalo::cli
