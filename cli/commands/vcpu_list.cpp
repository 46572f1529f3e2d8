// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto details = TRY(details_of(args, session));
    if (session.mode == Mode::xl && !args.has("output")) {
        xl_vcpu_header(session.out);
        for (const auto& detail : details)
            xl_vcpus(session.out, detail);
        return Unit{};
    }
    Listing listing;
    listing.columns = {
        {"domain", "NAME"},
        {"domid", "ID", true},
        {"id", "VCPU", true},
        {"cpu", "CPU", true},
        {"state", "STATE"},
        {"cpu_time_s", "TIME", true},
        {"hard_affinity", "HARD"},
        {"soft_affinity", "SOFT"}};
    for (const auto& detail : details)
        for (const auto& vcpu : detail.vcpus)
            listing.rows.emplace_back(vcpu_row(detail.domain, vcpu));
    return session.show(args, listing);
}

} // namespace

extern const Command vcpu_list_command{
    .name = "vcpu-list",
    .arguments = "[DOMAIN...]",
    .summary = "List vCPUs: where they run and may run.",
    .section = Section::tuning,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
