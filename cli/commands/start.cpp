// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/attach.hpp"
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'p', "pause", "", "Leave it paused"},
    {'c', "console", "", "Attach to the console"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object body;
    body["paused"] = args.has("pause");
    TRY(post_domain(args, session, "/start", std::move(body)));
    if (args.has("console"))
        return attach_console(session, {.ref = args.positional.at(0), .replay = {}});
    return Unit{};
}

} // namespace

extern const Command start_command = on_domain(
    {.name = "start",
     .arguments = "DOMAIN",
     .summary = "Start a managed domain.",
     .section = Section::managed,
     .options = kOptions,
     .run = run}
);

} // namespace zocalo::cli
