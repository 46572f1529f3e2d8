// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/disk_spec.hpp"
#include "cli/commands/device_text.hpp"
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::vector<std::string> pieces(args.positional.begin() + 1, args.positional.end());
    const auto spec = TRY(cfg::parse_disk_spec(pieces));
    std::vector<std::string> warnings;
    const rpc::DiskConfig disk = cfg::to_config(spec, warnings);
    TRY(rpc::device_number(disk.vdev));
    for (const std::string& warning : warnings)
        session.warn(warning);
    if (session.dry_run && session.mode == Mode::xl)
        session.out << xl_disk_text(spec);
    else if (session.dry_run)
        print_json(session.out, disk_body(disk));
    if (session.dry_run)
        return Unit{};
    return post_domain(args, session, "/disks", disk_body(disk));
}

} // namespace

extern const Command block_attach_command{
    .name = "block-attach",
    .arguments = "DOMAIN DISKSPEC...",
    .summary = "Attach a disk to a domain.",
    .details =
        "DISKSPEC is as in zl.cfg(5), in one word or several. Done when the guest has connected.",
    .section = Section::devices,
    .least = 2,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .changes = true,
    .dry_runs = true,
    .run = run};

} // namespace zocalo::cli
