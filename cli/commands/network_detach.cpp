// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "force", "", "Do not wait for the guest to release it"},
};

} // namespace

extern const Command network_detach_command = on_domain(
    {.name = "network-detach",
     .arguments = "DOMAIN DEVID|MAC",
     .summary = "Take a network interface away from a domain.",
     .details = "The device is a number or a MAC address.",
     .section = Section::devices,
     .options = kOptions,
     .run = [](const Args& args, Session& session) { return detach_device(args, session, "nics"); }}
);

} // namespace zocalo::cli
