// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/attach.hpp"
#include "cli/commands/on_domain.hpp"
#include "cli/commands/plan.hpp"
#include "cli/config_source.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'c', "console", "", "Attach to the console from the first byte on"},
    {'p', "pause", "", "Leave the domain paused"},
    {'q', "quiet", "", "Say nothing when all goes well"},
    {'n', "dryrun", "", "Print what would be created, and how; the same as `zl -N create`"},
    {'m',
     "managed",
     "",
     "Define the domain as well, so that it survives a host reboot",
     Where::zl_only},
    {'f', "defconfig", "FILE", "Read FILE; the same as naming it first"},
    {0, "strict", "", "Take warnings about the configuration as errors"},
    {'F', "foreground", "", "Stay until the domain has ended"},
    {'e', "no-monitor", "", "Accepted for xl: no process of zl stays in any case"},
    {'d', "debug", "", "Accepted for xl"},
    {'V', "vncviewer", "", "Accepted for xl: guests have no display yet"},
    {'A', "vncviewer-autopass", "", "Accepted for xl"},
    {'i', "ignore-global-affinity-masks", "", "Accepted for xl: there are no such masks"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto config = TRY(config_from_words(args, 0, session));
    if (session.dry_run || args.has("dryrun"))
        return show_plan(args, session, config);
    if (args.has("vncviewer") || args.has("vncviewer-autopass"))
        session.warn("guests have no display yet: no viewer is started");
    // With a console to show, the vCPUs start only once we listen: that loses nothing, because the
    // daemon replays, and it shows the errors of the create first.
    Change change{"POST", "/v1/domains", config_body(config)};
    change.body["start"] = true;
    change.body["paused"] = args.has("pause");
    change.body["managed"] = args.has("managed");
    const auto op = TRY(session.change(args, change));
    const bool quiet = args.has("quiet") || args.has("no-wait");
    if (!quiet && session.mode == Mode::zl && session.err_is_tty)
        session.err << session.program() << ": " << config.name << " runs\n";
    const std::string ref = op.uuid.empty() ? config.name : op.uuid;
    if (args.has("console"))
        return attach_console(session, {.ref = ref, .replay = {}, .write = true, .steal = false});
    if (args.has("foreground"))
        return wait_for_end(session, ref);
    return Unit{};
}

} // namespace

extern const Command create_command{
    .name = "create",
    .arguments = "FILE [KEY=VALUE...]",
    .summary = "Create a domain from a configuration file and start it.",
    .details = "FILE has xl.cfg's syntax, see zl.cfg(5); - is standard input. KEY=VALUE is read as "
               "one more line of it. The domain is forgotten when it ends, unless it is managed: "
               "see define.",
    .section = Section::lifecycle,
    .options = kOptions,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::file,
    .shows = true,
    .changes = true,
    .dry_runs = true,
    .run = run};

} // namespace zocalo::cli
