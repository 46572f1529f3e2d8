// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

#include <iomanip>
#include <ostream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'n', "numa", "", "Accepted for xl: the topology is not shown"},
    {'x', "xenstore", "", "Accepted for xl"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto host = TRY(session.api.host());
    if (session.mode == Mode::xl && !args.has("output")) {
        xl_info(session.out, host);
        return Unit{};
    }
    Listing listing{{}, {host_row(host)}, true};
    const bool table = args.value("output").value_or("table") == "table";
    if (!table || args.has("columns")) {
        for (const auto& member : listing.rows.front().get_object())
            listing.columns.push_back({std::string{member.key()}, std::string{member.key()}});
        return session.show(args, listing);
    }
    for (const auto& member : listing.rows.front().get_object())
        session.out << std::left << std::setw(24) << std::string{member.key()}
                    << printable(cell_text(member.value())) << '\n';
    return Unit{};
}

} // namespace

extern const Command info_command{
    .name = "info",
    .arguments = "",
    .summary = "Show the host: its hypervisor, CPUs and memory.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 0,
    .most = 0,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
