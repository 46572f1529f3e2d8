// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    TRY(session.change(args, Change{"DELETE", domain_path(args.positional.at(0)), {}}));
    return Unit{};
}

} // namespace

extern const Command undefine_command = on_domain(
    {.name = "undefine",
     .arguments = "DOMAIN",
     .summary = "Forget a stopped managed domain.",
     .details = "Its disk images are left alone.",
     .section = Section::managed,
     .run = run}
);

} // namespace zocalo::cli
