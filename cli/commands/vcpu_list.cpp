// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/parts.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    return list_parts<rpc::VcpuView>(
        args,
        session,
        {&rpc::DomainDetail::vcpus,
         vcpu_row,
         xl_vcpu_header,
         xl_vcpus,
         {{"domain", "NAME"},
          {"domid", "ID", true},
          {"id", "VCPU", true},
          {"cpu", "CPU", true},
          {"state", "STATE"},
          {"cpu_time_s", "TIME", true},
          {"hard_affinity", "HARD"},
          {"soft_affinity", "SOFT"}}}
    );
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
