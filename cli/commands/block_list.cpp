// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto details = TRY(details_of(args, session));
    if (session.mode == Mode::xl && !args.has("output")) {
        xl_block_header(session.out);
        for (const auto& detail : details)
            xl_blocks(session.out, detail);
        return Unit{};
    }
    Listing listing;
    listing.columns = {
        {"domain", "NAME"},
        {"vdev", "VDEV"},
        {"devid", "DEVID", true},
        {"access", "ACCESS"},
        {"backend_state", "BACKEND"},
        {"frontend_state", "FRONTEND"},
        {"format", "FORMAT"},
        {"target", "TARGET"}};
    for (const auto& detail : details)
        for (const auto& disk : detail.disks)
            listing.rows.emplace_back(disk_row(detail.domain, disk));
    return session.show(args, listing);
}

} // namespace

extern const Command block_list_command{
    .name = "block-list",
    .arguments = "[DOMAIN...]",
    .summary = "List domains' disks.",
    .section = Section::devices,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
