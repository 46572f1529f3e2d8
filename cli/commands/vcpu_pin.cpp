// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/cpu_list.hpp"
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "force", "", "Accepted for xl"},
    {'i', "ignore-global-affinity-masks", "", "Accepted for xl: there are no such masks"},
};

// "-" leaves the affinity as it is.
Outcome<boost::json::value> affinity(const Args& args, std::size_t index)
{
    if (args.positional.size() <= index || args.positional[index] == "-")
        return boost::json::value(nullptr);
    TRY(cfg::check_cpu_list(args.positional[index]));
    return boost::json::value(boost::json::string(args.positional[index]));
}

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::string& vcpu = args.positional.at(1);
    boost::json::object body;
    body["vcpu"] = nullptr;
    if (vcpu != "all")
        body["vcpu"] = TRY(parse_number("vCPU", vcpu, 4096));
    body["hard"] = TRY(affinity(args, 2));
    body["soft"] = TRY(affinity(args, 3));
    if (vcpu == "all" && args.has("force"))
        return Error{Code::usage, "--force and all exclude each other", "name one vCPU"};
    return post_domain(args, session, "/affinity", std::move(body));
}

} // namespace

extern const Command vcpu_pin_command = on_domain(
    {.name = "vcpu-pin",
     .arguments = "DOMAIN VCPU|all HARD|- [SOFT|-]",
     .summary = "Say which CPUs vCPUs may run on, and which they prefer.",
     .details =
         "HARD and SOFT are CPU lists such as 0-3,^1, nodes:0 or all; - leaves one as it is.",
     .section = Section::tuning,
     .options = kOptions,
     .run = run}
);

} // namespace zocalo::cli
