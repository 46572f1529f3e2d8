// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    TRY(session.change(args, Change{"DELETE", domain_path(args.positional.at(0)), {}}));
    return Unit{};
}

} // namespace

extern const Command undefine_command{
    .name = "undefine",
    .arguments = "DOMAIN",
    .summary = "Forget a stopped managed domain.",
    .details = "Its disk images are left alone.",
    .section = Section::managed,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
