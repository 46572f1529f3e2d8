// SPDX-License-Identifier: Apache-2.0
#include "cli/help.hpp"

#include "cli/registry.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'l', "long", "", "Every command with its options"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    if (args.positional.empty()) {
        print_overview(session.out, session.program(), args.has("long"), session.mode);
        return Unit{};
    }
    const Command* command = TRY(find_command(args.positional.front()));
    print_command_help(session.out, session.program(), *command, session.mode);
    return Unit{};
}

} // namespace

extern const Command help_command{
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "Show what there is, or how one command is used.",
    .section = Section::help,
    .options = kOptions,
    .least = 0,
    .most = 1,
    .completion = Completion::verb,
    .run = run};

} // namespace zocalo::cli
