// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

#include <array>
#include <ctime>
#include <ostream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'s', "short", "", "One line a domain, with the time of day"},
};

std::string clock_text()
{
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    std::array<char, 16> text{};
    std::strftime(text.data(), text.size(), "%H:%M:%S", &local);
    return text.data();
}

Outcome<Unit> run(const Args& args, Session& session)
{
    std::vector<rpc::DomainView> domains;
    if (args.positional.empty())
        domains = TRY(session.api.domains());
    for (const std::string& ref : args.positional)
        domains.push_back(TRY(session.api.domain(ref)).domain);
    std::erase_if(domains, [](const auto& d) { return d.domid < 0; });
    const bool short_form = args.has("short");
    const bool as_xl = session.mode == Mode::xl || short_form;
    Listing listing;
    listing.columns = {{"name", "NAME"}, {"domid", "ID", true}, {"uptime", "UPTIME", true}};
    if (as_xl && !args.has("output")) {
        if (!short_form)
            session.out << "Name                                ID Uptime\n";
        for (const auto& domain : domains)
            xl_uptime(session.out, domain, short_form, clock_text());
        return Unit{};
    }
    for (const auto& domain : domains)
        listing.rows.emplace_back(domain_row(domain));
    return session.show(args, listing);
}

} // namespace

extern const Command uptime_command{
    .name = "uptime",
    .arguments = "[DOMAIN...]",
    .summary = "Show how long domains have been running.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
