// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/domain_file.hpp"
#include "cli/command.hpp"
#include "cli/config_source.hpp"
#include "cli/editor.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::string& ref = args.positional.at(0);
    const auto detail = TRY(session.api.domain(ref));
    if (!detail.config)
        return Error{
            Code::not_found,
            detail.domain.name + " was not made by zl: there is nothing to edit",
            "zl adopt " + detail.domain.name};
    const std::string before = config_text(*detail.config);
    const std::string after = TRY(edit_text(before));
    if (after == before) {
        session.err << session.program() << ": nothing was changed\n";
        return Unit{};
    }
    auto file = TRY(cfg::read_domain_file(after, "edited configuration", {}));
    for (const std::string& warning : file.warnings)
        session.warn(warning);
    const Change change{"PUT", domain_path(ref), config_body(file.config)};
    TRY(session.change(args, change));
    return Unit{};
}

} // namespace

extern const Command edit_command{
    .name = "edit",
    .arguments = "DOMAIN",
    .summary = "Change a managed domain's configuration in an editor.",
    .details = "The editor is $VISUAL, $EDITOR or vi. Applied as apply does.",
    .section = Section::managed,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
