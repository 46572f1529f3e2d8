// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto detail = TRY(session.api.domain(args.positional.at(0)));
    session.out << printable(detail.domain.name) << '\n';
    return Unit{};
}

} // namespace

extern const Command domname_command{
    .name = "domname",
    .arguments = "DOMAIN",
    .summary = "Print a domain's name.",
    .section = Section::inspect,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .run = run};

} // namespace zocalo::cli
