// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/stop_guests.hpp"

namespace zocalo::cli {

extern const Command reboot_command{
    .name = "reboot",
    .arguments = "DOMAIN | -a",
    .summary = "Ask a guest to reboot.",
    .details = "The guest decides when; without -w the command returns at once. With -w it ends "
               "when the guest "
               "has done it, or says what was not done when its time is over.",
    .section = Section::lifecycle,
    .options = kStopOptions,
    .least = 0,
    .most = 1,
    .completion = Completion::domain,
    .changes = true,
    .run = [](const Args& args, Session& session) { return stop_guests(args, session, "reboot"); }};

} // namespace zocalo::cli
