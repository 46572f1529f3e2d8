// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/device_stats.hpp"
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <ostream>
#include <thread>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'d', "delay", "SECONDS", "Time between two looks; default 1"},
    {'i', "iterations", "NUMBER", "Stop after so many; default: once when not on a terminal"},
    {'b', "batch", "", "Do not clear the screen"},
    {'D', "devices", "", "Also what their disks and network cards do"},
};

using Clock = std::chrono::steady_clock;

struct Sample {
    std::vector<rpc::DomainView> domains;
    std::map<std::string, DeviceSums> devices; // by uuid, of those that we serve
    Clock::time_point when;
};

Outcome<Sample> sample(const Session& session, bool devices)
{
    Sample now;
    now.domains = TRY(session.api.domains());
    std::erase_if(now.domains, [](const auto& d) { return d.domid < 0; });
    for (const auto& domain : now.domains) {
        if (!devices || domain.ownership == rpc::Ownership::foreign)
            continue;
        auto stats = session.api.device_stats(domain.uuid);
        if (!stats && stats.error().code != Code::not_found) // it ended since
            return stats.error();
        if (stats)
            now.devices[domain.uuid] = sums_of(*stats);
    }
    now.when = Clock::now();
    return now;
}

// What a counter grew by in a second; a backend that was replaced counts from nothing again.
std::uint64_t rate(std::uint64_t before, std::uint64_t now, double seconds)
{
    const std::uint64_t grown = now >= before ? now - before : now;
    return static_cast<std::uint64_t>(static_cast<double>(grown) / seconds);
}

void add_devices(boost::json::object& row, const DeviceSums& was, const DeviceSums& is, double s)
{
    row["read_kib_s"] = rate(was.read_bytes, is.read_bytes, s) >> 10U;
    row["write_kib_s"] = rate(was.written_bytes, is.written_bytes, s) >> 10U;
    row["requests_s"] = rate(was.requests, is.requests, s);
    row["in_flight"] = is.in_flight;
    const StageTimes medium = is.medium.since(was.medium);
    row["medium_us"] = medium.mean_us();
    row["medium_p99_us"] = medium.below_us(99);
    row["received_kib_s"] = rate(was.received_bytes, is.received_bytes, s) >> 10U;
    row["sent_kib_s"] = rate(was.sent_bytes, is.sent_bytes, s) >> 10U;
}

constexpr std::array<std::pair<const char*, const char*>, 8> kDeviceColumns{{
    {"read_kib_s", "READ-K/S"},
    {"write_kib_s", "WRITE-K/S"},
    {"requests_s", "IOPS"},
    {"in_flight", "DEPTH"},
    {"medium_us", "MEDIUM-US"},
    {"medium_p99_us", "P99"},
    {"received_kib_s", "NET-RX-K/S"},
    {"sent_kib_s", "NET-TX-K/S"},
}};

double used_percent(const Sample& before, const rpc::DomainView& now, double seconds)
{
    for (const auto& old : before.domains)
        if (old.uuid == now.uuid && old.domid == now.domid && now.cpu_time_ns >= old.cpu_time_ns)
            return static_cast<double>(now.cpu_time_ns - old.cpu_time_ns) / 1e7 / seconds;
    return 0;
}

Listing usage(const Sample& before, const Sample& now, bool devices)
{
    const double seconds =
        std::max(std::chrono::duration<double>(now.when - before.when).count(), 0.001);
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
    for (const auto& [key, title] : kDeviceColumns)
        if (devices)
            listing.columns.push_back({key, title, true});
    std::vector<boost::json::object> rows;
    for (const auto& domain : now.domains) {
        rows.push_back(domain_row(domain));
        rows.back()["cpu_percent"] = used_percent(before, domain, seconds);
        const auto was = before.devices.find(domain.uuid);
        const auto is = now.devices.find(domain.uuid);
        if (was != before.devices.end() && is != now.devices.end())
            add_devices(rows.back(), was->second, is->second, seconds);
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
    const bool devices = args.has("devices");
    Sample before = TRY(sample(session, devices));
    for (std::uint64_t i = 0; i < rounds && session.out.good(); ++i) {
        std::this_thread::sleep_for(pause);
        Sample now = TRY(sample(session, devices));
        if (live)
            session.out << "\033[H\033[2J";
        TRY(session.show(args, usage(before, now, devices)));
        session.out << std::flush;
        before = std::move(now);
    }
    return Unit{};
}

} // namespace

extern const Command top_command{
    .name = "top",
    .arguments = "",
    .summary = "Show which domains use the CPUs, and with -D the disks and the network.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 0,
    .most = 0,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
