// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include <chrono>
#include <thread>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {0, "for", "STATE", "running, paused, shutdown, crashed, stopped (default) or gone"},
    {0, "timeout", "SECONDS", "Give up after that; default: never"},
};

constexpr std::chrono::milliseconds kPause{200};

Outcome<std::string> state_of(const Session& session, const std::string& ref)
{
    const auto detail = session.api.domain(ref);
    if (detail)
        return std::string{boost::describe::enum_to_string(detail->domain.state, "unknown")};
    if (detail.error().code == Code::not_found)
        return std::string{"gone"};
    return detail.error();
}

bool reached(const std::string& state, const std::string& wanted)
{
    const bool ended = state == "gone" || state == "stopped" || state == "defined";
    return state == wanted || (wanted == "stopped" && ended);
}

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::string wanted = args.value("for").value_or("stopped");
    rpc::DomainState known{};
    if (wanted != "gone" && !boost::describe::enum_from_string(wanted.c_str(), known))
        return Error{
            Code::usage,
            "\"" + wanted + "\" is no state",
            "use running, paused, shutdown, crashed, stopped or gone"};
    const auto limit = std::chrono::seconds{TRY(args.number("timeout", 86400 * 365, 86400 * 365))};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    const std::string& ref = args.positional.at(0);
    for (bool first = true;; first = false) {
        // Not TRY: GCC 12 takes its result for uninitialised at -O2.
        const auto asked = state_of(session, ref);
        if (!asked)
            return asked.error();
        const std::string& state = *asked;
        if (first && state == "gone" && wanted != "gone")
            return Error{Code::not_found, "there is no domain " + ref, "see `zl list`"};
        if (reached(state, wanted))
            return Unit{};
        if (std::chrono::steady_clock::now() >= deadline)
            return Error{
                Code::timeout,
                ref + " is " + state + ", not " + wanted + ", after " +
                    std::to_string(limit.count()) + " s",
                {}};
        std::this_thread::sleep_for(kPause);
    }
}

} // namespace

extern const Command wait_command{
    .name = "wait",
    .arguments = "DOMAIN",
    .summary = "Wait until a domain is in a state.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .run = run};

} // namespace zocalo::cli
