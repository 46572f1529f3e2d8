// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    return post_domain(args, session, "/pause");
}

} // namespace

extern const Command pause_command{
    .name = "pause",
    .arguments = "DOMAIN",
    .summary = "Stop a domain's vCPUs; its memory stays.",
    .details = "",
    .section = Section::lifecycle,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
