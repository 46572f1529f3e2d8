// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/device_stats.hpp"
#include "cli/commands/parts.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'s', "stats", "", "What each disk's backend counted; -o json has all of it"},
};

Outcome<Unit> show_stats(const Args& args, Session& session)
{
    Listing listing;
    listing.columns = {
        {"domain", "NAME"},
        {"name", "VDEV"},
        {"engine", "ENGINE"},
        {"read_requests", "READS", true},
        {"read_bytes", "READ-BYTES", true},
        {"write_requests", "WRITES", true},
        {"write_bytes", "WRITE-BYTES", true},
        {"flush_requests", "FLUSHES", true},
        {"in_flight", "IN-FLIGHT", true},
        {"persistent_grants", "GRANTS", true},
        {"errors", "ERRORS", true},
        {"fetch_us", "FETCH-US", true},
        {"medium_us", "MEDIUM-US", true},
        {"medium_p99_us", "P99", true},
        {"answer_us", "ANSWER-US", true}};
    for (const auto& detail : TRY(details_of(args, session))) {
        const std::string& uuid = detail.domain.uuid;
        const std::string ref = uuid.empty() ? std::to_string(detail.domain.domid) : uuid;
        for (const rpc::DeviceStats& disk : TRY(session.api.device_stats(ref))) {
            if (disk.kind != "disk")
                continue;
            boost::json::object row = disk.counters;
            row["domain"] = detail.domain.name;
            row["name"] = disk.name;
            row["engine"] = counter(disk, "io_uring") != 0 ? "io_uring" : "libaio";
            row["errors"] = counter(disk, "io_errors") + counter(disk, "grant_errors") +
                            counter(disk, "refused_requests");
            for (const std::string stage : {"fetch", "medium", "answer"}) {
                const StageTimes times{disk, stage};
                row[stage + "_us"] = times.mean_us();
                row[stage + "_p99_us"] = times.below_us(99);
            }
            listing.rows.emplace_back(std::move(row));
        }
    }
    return session.show(args, listing);
}

Outcome<Unit> run(const Args& args, Session& session)
{
    if (args.has("stats"))
        return show_stats(args, session);
    return list_parts<rpc::DiskView>(
        args,
        session,
        {&rpc::DomainDetail::disks,
         disk_row,
         xl_block_header,
         xl_blocks,
         {{"domain", "NAME"},
          {"vdev", "VDEV"},
          {"devid", "DEVID", true},
          {"access", "ACCESS"},
          {"backend_state", "BACKEND"},
          {"frontend_state", "FRONTEND"},
          {"format", "FORMAT"},
          {"target", "TARGET"}}}
    );
}

} // namespace

extern const Command block_list_command{
    .name = "block-list",
    .arguments = "[DOMAIN...]",
    .summary = "List domains' disks.",
    .section = Section::devices,
    .options = kOptions,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
