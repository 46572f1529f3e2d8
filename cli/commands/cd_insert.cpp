// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object body;
    body["target"] = args.positional.at(2);
    return post_device(args, session, "disks", "medium", std::move(body));
}

} // namespace

extern const Command cd_insert_command = on_domain(
    {.name = "cd-insert",
     .arguments = "DOMAIN VDEV FILE",
     .summary = "Put a medium into a domain's CD drive.",
     .details =
         "FILE is the absolute path of an image or a block device. One that is in is taken out.",
     .section = Section::devices,
     .run = run}
);

} // namespace zocalo::cli
