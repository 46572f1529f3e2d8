// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'d', "domain", "DOMAIN", "The domain to show or change"},
    {'w', "weight", "WEIGHT", "Share against other domains, 1 to 65535"},
    {'c', "cap", "CAP", "Most CPU time, percent of one CPU; 0 is no limit"},
    {'s', "schedparam", "", "Not supported"},
    {'r', "ratelimit_us", "US", "Not supported"},
    {'p', "cpupool", "POOL", "Not supported"},
};

Outcome<Unit> show_weights(const Args& args, const Session& session)
{
    Args chosen = args;
    if (const auto domain = args.value("domain"))
        chosen.positional = {*domain};
    const auto details = TRY(details_of(chosen, session));
    if (session.mode == Mode::xl && !args.has("output")) {
        if (!args.has("domain")) // the rate limit is not in our API; xl says this when it fails
            session.out << "Cpupool Pool-0: [sched params unavailable]\n";
        xl_sched_header(session.out);
        for (const auto& detail : details)
            xl_sched(session.out, detail);
        return Unit{};
    }
    Listing listing;
    listing.columns = {
        {"name", "NAME"}, {"domid", "ID", true}, {"weight", "WEIGHT", true}, {"cap", "CAP", true}};
    for (const auto& detail : details) {
        auto row = domain_row(detail.domain);
        row["weight"] = nullptr;
        row["cap"] = nullptr;
        if (detail.weight)
            row["weight"] = *detail.weight;
        if (detail.cap)
            row["cap"] = *detail.cap;
        listing.rows.emplace_back(std::move(row));
    }
    return session.show(args, listing);
}

Outcome<Unit> run(const Args& args, Session& session)
{
    if (args.has("schedparam") || args.has("ratelimit_us") || args.has("cpupool"))
        return Error{Code::unsupported, "the parameters of a whole pool cannot be set", {}};
    const bool set = args.has("weight") || args.has("cap");
    if (!set)
        return show_weights(args, session);
    const auto domain = args.value("domain");
    if (!domain)
        return Error{Code::usage, "--weight and --cap need a domain", "add -d DOMAIN"};
    boost::json::object body;
    if (args.has("weight"))
        body["weight"] = TRY(args.number("weight", 0, 65535));
    if (args.has("cap"))
        body["cap"] = TRY(args.number("cap", 0, 1U << 20));
    Args named = args;
    named.positional = {*domain};
    return post_domain(named, session, "/scheduler", std::move(body));
}

} // namespace

extern const Command sched_credit2_command{
    .name = "sched-credit2",
    .arguments = "[-d DOMAIN [-w WEIGHT] [-c CAP]]",
    .summary = "Show or set domains' shares of CPU time.",
    .section = Section::tuning,
    .options = kOptions,
    .least = 0,
    .most = 0,
    .shows = true,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
