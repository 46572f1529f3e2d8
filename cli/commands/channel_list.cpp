// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto details = TRY(details_of(args, session));
    if (session.mode == Mode::xl && !args.has("output")) {
        xl_channel_header(session.out);
        for (const auto& detail : details)
            xl_channels(session.out, detail);
        return Unit{};
    }
    Listing listing;
    listing.columns = {
        {"domain", "NAME"},
        {"devid", "DEVID", true},
        {"name", "CHANNEL"},
        {"connection", "CONNECTION"},
        {"path", "PATH"},
        {"frontend_state", "FRONTEND"}};
    for (const auto& detail : details)
        for (const auto& channel : detail.channels)
            listing.rows.emplace_back(channel_row(detail.domain, channel));
    return session.show(args, listing);
}

} // namespace

extern const Command channel_list_command{
    .name = "channel-list",
    .arguments = "[DOMAIN...]",
    .summary = "List domains' channels, and where they are in dom0.",
    .section = Section::devices,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
