// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_long.hpp"
#include "cli/format/xl_tables.hpp"

#include <algorithm>
#include <ostream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'l', "long", "", "Everything about each domain, as JSON unless -o says otherwise"},
    {'v', "verbose", "", "Also UUIDs, owner, what is desired and why"},
    {'Z', "context", "", "Accepted for xl: there are no security labels"},
    {'c', "cpupool", "", "Also the cpupool", Where::xl_only},
    {0, "cpupool", "", "Also the cpupool", Where::zl_only},
    {'n', "numa", "", "Accepted for xl: node affinity is not tracked"},
};

Outcome<std::vector<rpc::DomainView>> wanted(const Args& args, const Session& session)
{
    if (args.positional.empty())
        return session.api.domains();
    std::vector<rpc::DomainView> domains;
    for (const std::string& ref : args.positional)
        domains.push_back(TRY(session.api.domain(ref)).domain);
    return domains;
}

Outcome<Unit> show_long(const Args& args, const Session& session)
{
    Listing listing;
    const auto choice = TRY(parse_output(args.value("output").value_or("json")));
    const bool as_xl = session.mode == Mode::xl && !args.has("output");
    listing.single = args.positional.size() == 1 && session.mode == Mode::zl;
    for (const auto& domain : TRY(wanted(args, session))) {
        const std::string ref = domain.uuid.empty() ? domain.name : domain.uuid;
        if (as_xl && domain.domid < 0)
            continue;
        auto detail = session.api.domain(ref);
        if (detail)
            listing.rows.emplace_back(as_xl ? xl_long(*detail) : detail_row(*detail));
        else if (detail.error().code != Code::not_found)
            return detail.error();
    }
    for (const char* key :
         {"domain", "config", "vcpus", "disks", "nics", "channels", "weight", "cap"})
        listing.columns.push_back({key, key});
    return print(session.out, listing, choice);
}

Outcome<Unit> show_xl(const Args& args, const Session& session)
{
    auto domains = TRY(wanted(args, session));
    std::erase_if(domains, [](const auto& d) {
        return d.domid < 0;
    }); // xl knows only what is in Xen
    xl_list(
        session.out,
        domains,
        {.verbose = args.has("verbose"),
         .context = args.has("context"),
         .cpupool = args.has("cpupool"),
         .numa = args.has("numa")}
    );
    return Unit{};
}

Outcome<Unit> run(const Args& args, Session& session)
{
    if (args.has("long"))
        return show_long(args, session);
    if (session.mode == Mode::xl && !args.has("output"))
        return show_xl(args, session);
    Listing listing;
    listing.columns = {
        {"name", "NAME"},
        {"domid", "ID", true},
        {"memory_mib", "MEM", true},
        {"vcpus_online", "VCPUS", true},
        {"state", "STATE"},
        {"cpu_time_s", "TIME", true}};
    if (args.has("verbose"))
        for (const char* key : {"uuid", "type", "ownership", "desired", "uptime", "reason"})
            listing.columns.push_back({key, key == std::string{"uuid"} ? "UUID" : key});
    if (args.has("cpupool"))
        listing.columns.push_back({"pool", "POOL"});
    for (auto& column : listing.columns)
        std::ranges::transform(column.title, column.title.begin(), [](char c) {
            return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        });
    for (const auto& domain : TRY(wanted(args, session)))
        listing.rows.emplace_back(domain_row(domain));
    listing.single = args.positional.size() == 1;
    return session.show(args, listing);
}

} // namespace

extern const Command list_command{
    .name = "list",
    .arguments = "[DOMAIN...]",
    .summary = "List domains: those in Xen, whoever made them, and those that are defined.",
    .details = "Any member of the API's DomainView may be chosen with --columns, and memory_mib, "
               "cpu_time_s, letters (xl's state letters) and uptime.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
