// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'a', "all", "", "All guests; domain 0 is no guest"},
    {'w', "wait", "", "Wait until the guest has done it"},
    {'F', "acpi-fallback", "", "Accepted for xl; only HVM guests know the ACPI event"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    return stop_guests(args, session, "reboot");
}

} // namespace

extern const Command reboot_command{
    .name = "reboot",
    .arguments = "DOMAIN | -a",
    .summary = "Ask a guest to reboot.",
    .details = "The guest decides when; without -w the command returns at once.",
    .section = Section::lifecycle,
    .options = kOptions,
    .least = 0,
    .most = 1,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
