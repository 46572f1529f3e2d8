// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object body;
    body["name"] = args.positional.at(1);
    return post_domain(args, session, "/rename", std::move(body));
}

} // namespace

extern const Command rename_command = on_domain(
    {.name = "rename",
     .arguments = "DOMAIN NAME",
     .summary = "Give a domain another name.",
     .section = Section::lifecycle,
     .run = run}
);

} // namespace zocalo::cli
