// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto detail = TRY(session.api.domain(args.positional.at(0)));
    if (detail.domain.domid < 0)
        return Error{
            Code::not_found,
            detail.domain.name + " is not in Xen",
            "zl start " + detail.domain.name};
    session.out << detail.domain.domid << '\n';
    return Unit{};
}

} // namespace

extern const Command domid_command{
    .name = "domid",
    .arguments = "DOMAIN",
    .summary = "Print a domain's id.",
    .section = Section::inspect,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .run = run};

} // namespace zocalo::cli
