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
    auto op = session.change(args, Change{"PUT", domain_path(config.name), config_body(config)});
    if (!op && op.error().code == Code::not_found) {
        Change define{"POST", "/v1/domains", config_body(config)};
        define.body["managed"] = true;
        define.body["start"] = false;
        op = session.change(args, define);
    }
    TRY(std::move(op));
    return Unit{};
}

} // namespace

extern const Command apply_command{
    .name = "apply",
    .arguments = "FILE [KEY=VALUE...]",
    .summary = "Give a managed domain the configuration in a file; define it if it is new.",
    .details = "What can change at once (memory, vCPUs, weight, cap, autostart) does; the rest at "
               "the next start.",
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
