// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/parts.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    return list_parts<rpc::NicView>(
        args,
        session,
        {&rpc::DomainDetail::nics,
         nic_row,
         xl_network_header,
         xl_networks,
         {{"domain", "NAME"},
          {"devid", "DEVID", true},
          {"mac", "MAC"},
          {"bridge", "BRIDGE"},
          {"vifname", "VIF"},
          {"mtu", "MTU", true},
          {"backend_state", "BACKEND"},
          {"frontend_state", "FRONTEND"}}}
    );
}

} // namespace

extern const Command network_list_command{
    .name = "network-list",
    .arguments = "[DOMAIN...]",
    .summary = "List domains' network interfaces.",
    .section = Section::devices,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
