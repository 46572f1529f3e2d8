// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "force", "", "Do not wait for the guest to release it"},
};

} // namespace

extern const Command block_detach_command = on_domain(
    {.name = "block-detach",
     .arguments = "DOMAIN VDEV",
     .summary = "Take a disk away from a domain.",
     .details = "The device is a vdev such as xvdb or a device number.",
     .section = Section::devices,
     .options = kOptions,
     .run = [](const Args& args,
               Session& session) { return detach_device(args, session, "disks"); }}
);

} // namespace zocalo::cli
