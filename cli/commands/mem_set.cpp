// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object body;
    body["target_mib"] = TRY(parse_mebibytes(args.positional.at(1)));
    return post_domain(args, session, "/memory", std::move(body));
}

} // namespace

extern const Command mem_set_command{
    .name = "mem-set",
    .arguments = "DOMAIN SIZE",
    .summary = "Set how much memory a domain shall have now.",
    .details = "SIZE is in MiB, or has one of b, k, m, g, t behind it.",
    .section = Section::tuning,
    .least = 2,
    .most = 2,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
