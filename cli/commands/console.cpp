// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/attach.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'e', "escape", "KEY", "The key that detaches; default ^]"},
    {'t', "type", "TYPE", "pv (default); serial and vuart are not there"},
    {'n', "num", "NUMBER", "0, the only console"},
    {'r', "read-only", "", "Only look", Where::zl_only},
    {'w', "write", "", "Write as well (the default); with --steal from who has it", Where::zl_only},
    {0, "steal", "", "Take the keyboard from whoever writes now", Where::zl_only},
    {0, "replay", "BYTES", "How much history to show first; default all", Where::zl_only},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    Attachment attachment{.ref = args.positional.at(0), .replay = {}};
    if (args.value("type").value_or("pv") != "pv" || args.value("num").value_or("0") != "0")
        return Error{Code::unsupported, "the domain has one console, of type pv, number 0", {}};
    if (const auto key = args.value("escape"))
        attachment.detach = TRY(parse_detach_key(*key));
    if (args.has("replay"))
        attachment.replay = TRY(args.number("replay", 0, 1ULL << 40));
    attachment.write = !args.has("read-only");
    attachment.steal = args.has("steal");
    if (attachment.steal && !attachment.write)
        return Error{Code::usage, "--steal and --read-only exclude each other", {}};
    return attach_console(session, attachment);
}

} // namespace

extern const Command console_command{
    .name = "console",
    .arguments = "DOMAIN",
    .summary = "Attach to a domain's console.",
    .details = "Shows the history first, then what comes; ^] detaches. Many may look at once, one "
               "may write.",
    .section = Section::console,
    .options = kOptions,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .run = run};

} // namespace zocalo::cli
