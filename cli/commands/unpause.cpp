// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    return post_domain(args, session, "/unpause");
}

} // namespace

extern const Command unpause_command{
    .name = "unpause",
    .arguments = "DOMAIN",
    .summary = "Let a paused domain run again.",
    .details = "",
    .section = Section::lifecycle,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
