// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto details = TRY(details_of(args, session));
    if (session.mode == Mode::xl && !args.has("output")) {
        xl_network_header(session.out);
        for (const auto& detail : details)
            xl_networks(session.out, detail);
        return Unit{};
    }
    Listing listing;
    listing.columns = {
        {"domain", "NAME"},
        {"devid", "DEVID", true},
        {"mac", "MAC"},
        {"bridge", "BRIDGE"},
        {"vifname", "VIF"},
        {"mtu", "MTU", true},
        {"backend_state", "BACKEND"},
        {"frontend_state", "FRONTEND"}};
    for (const auto& detail : details)
        for (const auto& nic : detail.nics)
            listing.rows.emplace_back(nic_row(detail.domain, nic));
    return session.show(args, listing);
}

} // namespace

extern const Command network_list_command{
    .name = "network-list",
    .arguments = "[DOMAIN...]",
    .summary = "List domains' network interfaces.",
    .section = Section::devices,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
