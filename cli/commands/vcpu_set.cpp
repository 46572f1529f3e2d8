// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'i', "ignore-host", "", "Allow more than the host has CPUs"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object body;
    body["count"] = TRY(parse_number("vCPUs", args.positional.at(1), 4096));
    body["ignore_host"] = args.has("ignore-host");
    return post_domain(args, session, "/vcpus", std::move(body));
}

} // namespace

extern const Command vcpu_set_command = on_domain(
    {.name = "vcpu-set",
     .arguments = "DOMAIN COUNT",
     .summary = "Bring vCPUs online or offline.",
     .section = Section::tuning,
     .options = kOptions,
     .run = run}
);

} // namespace zocalo::cli
