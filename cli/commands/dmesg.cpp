// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'c', "clear", "", "Clear the log after it was read"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    session.out << TRY(session.api.dmesg(args.has("clear")));
    return Unit{};
}

} // namespace

extern const Command dmesg_command{
    .name = "dmesg",
    .arguments = "",
    .summary = "Print the hypervisor's log.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 0,
    .most = 0,
    .run = run};

} // namespace zocalo::cli
