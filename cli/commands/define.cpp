// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/plan.hpp"
#include "cli/config_source.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "defconfig", "FILE", "Read FILE; the same as naming it first"},
    {0, "strict", "", "Take warnings about the configuration as errors"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto config = TRY(config_from_words(args, 0, session));
    if (session.dry_run)
        return show_plan(args, session, config);
    Change change{"POST", "/v1/domains", config_body(config)};
    change.body["managed"] = true;
    change.body["start"] = false;
    TRY(session.change(args, change));
    return Unit{};
}

} // namespace

extern const Command define_command{
    .name = "define",
    .arguments = "FILE [KEY=VALUE...]",
    .summary = "Make a managed domain known without starting it.",
    .details = "A managed domain survives a host reboot; see start, autostart and undefine.",
    .section = Section::managed,
    .options = kOptions,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::file,
    .shows = true,
    .changes = true,
    .dry_runs = true,
    .run = run};

} // namespace zocalo::cli
