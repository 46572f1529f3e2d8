// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object body;
    body["target"] = "";
    return post_device(args, session, "disks", "medium", std::move(body));
}

} // namespace

extern const Command cd_eject_command = on_domain(
    {.name = "cd-eject",
     .arguments = "DOMAIN VDEV",
     .summary = "Take the medium out of a domain's CD drive.",
     .details = "The drive stays; a guest that still reads gets errors.",
     .section = Section::devices,
     .run = run}
);

} // namespace zocalo::cli
