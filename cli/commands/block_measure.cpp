// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::string rest = "/disks/" + percent_encoded(args.positional.at(1)) + "/measure";
    TRY(session.change(args, {"POST", domain_path(args.positional.at(0), rest), {}}));
    return Unit{};
}

} // namespace

extern const Command block_measure_command{
    .name = "block-measure",
    .arguments = "DOMAIN VDEV",
    .summary = "Tell a domain the new size of its disk.",
    .details = "For an image or volume that was made larger while the domain runs.",
    .section = Section::devices,
    .least = 2,
    .most = 2,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
