// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"

#include <iomanip>
#include <ostream>

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    Listing listing;
    listing.columns = {{"uuid", "UUID"}, {"domid", "ID", true}, {"name", "NAME"}};
    const auto domains = TRY(session.api.domains());
    const bool as_xl = session.mode == Mode::xl && !args.has("output");
    if (as_xl)
        session.out << "UUID                                  ID    name\n";
    for (const auto& domain : domains) {
        if (domain.domid < 0 || (domain.domid == 0 && !as_xl)) // xl takes domain 0 for a guest here
            continue;
        if (as_xl)
            session.out << domain.uuid << "  " << domain.domid << "    " << std::left
                        << std::setw(30) << domain.name << '\n';
        listing.rows.emplace_back(domain_row(domain));
    }
    if (as_xl)
        return Unit{};
    return session.show(args, listing);
}

} // namespace

extern const Command vm_list_command{
    .name = "vm-list",
    .arguments = "",
    .summary = "List the guests that are in Xen.",
    .section = Section::inspect,
    .least = 0,
    .most = 0,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
