// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "force", "", "Do not wait for the guest to release it"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::string rest = "/disks/" + percent_encoded(args.positional.at(1));
    const std::string query = args.has("force") ? "?force=1" : "";
    const Change change{"DELETE", domain_path(args.positional.at(0), rest + query), {}};
    TRY(session.change(args, change));
    return Unit{};
}

} // namespace

extern const Command block_detach_command{
    .name = "block-detach",
    .arguments = "DOMAIN VDEV",
    .summary = "Take a disk away from a domain.",
    .details = "The device is a vdev such as xvdb or a device number.",
    .section = Section::devices,
    .options = kOptions,
    .least = 2,
    .most = 2,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
