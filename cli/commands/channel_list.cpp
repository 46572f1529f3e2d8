// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/parts.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    return list_parts<rpc::ChannelView>(
        args,
        session,
        {&rpc::DomainDetail::channels,
         channel_row,
         xl_channel_header,
         xl_channels,
         {{"domain", "NAME"},
          {"devid", "DEVID", true},
          {"name", "CHANNEL"},
          {"connection", "CONNECTION"},
          {"path", "PATH"},
          {"frontend_state", "FRONTEND"}}}
    );
}

} // namespace

extern const Command channel_list_command{
    .name = "channel-list",
    .arguments = "[DOMAIN...]",
    .summary = "List domains' channels, and where they are in dom0.",
    .section = Section::devices,
    .least = 0,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
