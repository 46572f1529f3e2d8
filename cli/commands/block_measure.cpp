// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {

extern const Command block_measure_command = on_domain(
    {.name = "block-measure",
     .arguments = "DOMAIN VDEV",
     .summary = "Tell a domain the new size of its disk.",
     .details = "For an image or volume that was made larger while the domain runs.",
     .section = Section::devices,
     .run = [](const Args& args,
               Session& session) { return post_device(args, session, "disks", "measure"); }}
);

} // namespace zocalo::cli
