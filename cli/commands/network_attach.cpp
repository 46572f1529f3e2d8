// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/vif_spec.hpp"
#include "cli/commands/device_text.hpp"
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::vector<std::string> pieces(args.positional.begin() + 1, args.positional.end());
    std::vector<std::string> warnings;
    const auto nic = TRY(cfg::parse_vif_spec(pieces, warnings));
    for (const std::string& warning : warnings)
        session.warn(warning);
    if (session.dry_run) {
        print_json(session.out, nic_body(nic));
        return Unit{};
    }
    return post_domain(args, session, "/nics", nic_body(nic));
}

} // namespace

extern const Command network_attach_command{
    .name = "network-attach",
    .arguments = "DOMAIN [VIFSPEC...]",
    .summary = "Attach a network interface to a domain.",
    .details =
        "VIFSPEC is as in zl.cfg(5), in one word or several. Done when the guest has connected.",
    .section = Section::devices,
    .least = 1,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .changes = true,
    .dry_runs = true,
    .run = run};

} // namespace zocalo::cli
