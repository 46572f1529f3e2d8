// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 50;

constexpr Option kOptions[] = {
    {'b', "bytes", "BYTES", "Most bytes a second; 0 is no limit"},
    {'i', "iops", "COUNT", "Most operations a second; 0 is no limit"},
    {'B', "bytes-burst", "BYTES", "What may be saved up; a tenth of a second's worth by default"},
    {'I', "iops-burst", "COUNT", "The same for operations"},
    {'g', "group", "NAME", "Share the limit with the domain's other disks of that group"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object limits;
    const auto take = [&](const char* option, const char* member) -> Outcome<Unit> {
        if (args.has(option))
            limits[member] = TRY(args.number(option, 0, kMost));
        return Unit{};
    };
    TRY(take("bytes", "bytes_per_second"));
    TRY(take("iops", "operations_per_second"));
    TRY(take("bytes-burst", "bytes_burst"));
    TRY(take("iops-burst", "operations_burst"));
    if (const auto group = args.value("group"))
        limits["group"] = *group;
    return post_device(args, session, "disks", "limits", std::move(limits));
}

} // namespace

extern const Command block_limit_command = on_domain(
    {.name = "block-limit",
     .arguments = "DOMAIN VDEV",
     .summary = "Limit what a domain's disk may do.",
     .details = "Holds at once and for later starts. What is not given has no limit; with --group "
                "alone the "
                "disk joins the group and its limit.",
     .section = Section::devices,
     .options = kOptions,
     .run = run}
);

} // namespace zocalo::cli
