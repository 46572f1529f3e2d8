// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'d', "delay", "SECONDS", "Time between two looks; default 1"},
    {'i', "iterations", "NUMBER", "Stop after so many; default: once when not on a terminal"},
    {'b', "batch", "", "Do not clear the screen"},
};

using Clock = std::chrono::steady_clock;

struct Sample {
    std::vector<rpc::DomainView> domains;
    Clock::time_point when;
};

Outcome<Sample> sample(const Session& session)
{
    auto domains = TRY(session.api.domains());
    std::erase_if(domains, [](const auto& d) { return d.domid < 0; });
    return Sample{std::move(domains), Clock::now()};
}

double used_percent(const Sample& before, const rpc::DomainView& now, double seconds)
{
    for (const auto& old : before.domains)
        if (old.uuid == now.uuid && old.domid == now.domid && now.cpu_time_ns >= old.cpu_time_ns)
            return static_cast<double>(now.cpu_time_ns - old.cpu_time_ns) / 1e7 / seconds;
    return 0;
}

Listing usage(const Sample& before, const Sample& now)
{
    const double seconds = std::chrono::duration<double>(now.when - before.when).count();
    Listing listing;
    listing.columns = {
        {"name", "NAME"},
        {"domid", "ID", true},
        {"letters", "STATE"},
        {"cpu_percent", "CPU%", true},
        {"cpu_time_s", "TIME", true},
        {"memory_mib", "MEM", true},
        {"vcpus_online", "VCPUS", true},
        {"uptime", "UPTIME", true}};
    std::vector<boost::json::object> rows;
    for (const auto& domain : now.domains) {
        rows.push_back(domain_row(domain));
        rows.back()["cpu_percent"] = used_percent(before, domain, std::max(seconds, 0.001));
    }
    std::ranges::stable_sort(rows, [](const auto& a, const auto& b) {
        return a.at("cpu_percent").as_double() > b.at("cpu_percent").as_double();
    });
    for (auto& row : rows)
        listing.rows.emplace_back(std::move(row));
    return listing;
}

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto pause = std::chrono::seconds{TRY(args.number("delay", 1, 3600))};
    const bool live = session.out_is_tty && !args.has("batch") && !args.has("output");
    const std::uint64_t rounds = TRY(args.number("iterations", live ? ~0ULL : 1, ~0ULL));
    Sample before = TRY(sample(session));
    for (std::uint64_t i = 0; i < rounds && session.out.good(); ++i) {
        std::this_thread::sleep_for(pause);
        Sample now = TRY(sample(session));
        if (live)
            session.out << "\033[H\033[2J";
        TRY(session.show(args, usage(before, now)));
        session.out << std::flush;
        before = std::move(now);
    }
    return Unit{};
}

} // namespace

extern const Command top_command{
    .name = "top",
    .arguments = "",
    .summary = "Show which domains use the CPUs.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 0,
    .most = 0,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
