// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/plan.hpp"
#include "cli/config_source.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "defconfig", "FILE", "Read FILE and print what it means, and the steps of a create"},
    {0, "strict", "", "Take warnings about the configuration as errors"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    if (args.has("defconfig"))
        return show_plan(args, session, TRY(config_from_words(args, 0, session)));
    if (args.positional.size() != 1)
        return Error{Code::usage, "config: name one domain, or a file with -f", {}};
    const auto detail = TRY(session.api.domain(args.positional.front()));
    if (!detail.config)
        return Error{
            Code::not_found,
            detail.domain.name + " was not made by zl: its configuration is not known",
            "zl adopt " + detail.domain.name};
    if (args.value("output").value_or("table") == "table") {
        session.out << config_text(*detail.config);
        return Unit{};
    }
    auto body = config_body(*detail.config);
    Listing listing{{}, {body.at("config")}, true};
    for (const auto& member : listing.rows.front().get_object())
        listing.columns.push_back({std::string{member.key()}, std::string{member.key()}});
    return session.show(args, listing);
}

} // namespace

extern const Command config_command{
    .name = "config",
    .arguments = "DOMAIN | -f FILE [KEY=VALUE...]",
    .summary = "Print a domain's configuration as a file.",
    .details = "With -f nothing is changed: it is the dry run of create.",
    .section = Section::managed,
    .options = kOptions,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .dry_runs = true,
    .run = run};

} // namespace zocalo::cli
