// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include <algorithm>
#include <chrono>
#include <limits>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {0, "for", "STATE", "running, paused, shutdown, crashed, stopped (default) or gone"},
    {0, "timeout", "SECONDS", "Give up after that; default: never"},
};

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

// The events tell when to look again. What others do to a domain behind the daemon's back makes
// none, so a look is due now and then without one; foreign domains have no events at all.
constexpr seconds kLookAgain{10}, kLookAgainForeign{1};
constexpr std::uint32_t kEventsAtOnce = 256;

struct Seen {
    std::string state{"gone"};
    std::string uuid; // empty when it is gone
    bool foreign{false};
};

Outcome<Seen> look(const Session& session, const std::string& ref)
{
    const auto detail = session.api.domain(ref);
    if (!detail && detail.error().code == Code::not_found)
        return Seen{};
    if (!detail)
        return detail.error();
    const rpc::DomainView& domain = detail->domain;
    return Seen{
        boost::describe::enum_to_string(domain.state, "unknown"),
        domain.uuid,
        domain.ownership == rpc::Ownership::foreign};
}

bool reached(const std::string& state, const std::string& wanted)
{
    const bool ended = state == "gone" || state == "stopped" || state == "defined";
    return state == wanted || (wanted == "stopped" && ended);
}

// Follows the events of one domain from the moment it was made.
class Follower {
  public:
    static Outcome<Follower> from_now(const Session& session)
    {
        constexpr auto kAhead = std::numeric_limits<std::uint64_t>::max();
        const auto page = TRY(session.api.events(kAhead, 1));
        return Follower{session, page.next};
    }

    // Until something was said of the domain, events were lost, or the time is over.
    Outcome<Unit> wait(const std::string& uuid, Clock::time_point until)
    {
        for (;;) {
            const auto left = std::chrono::ceil<seconds>(until - Clock::now());
            if (left.count() <= 0)
                return Unit{};
            const auto page = session_.api.events(since_, kEventsAtOnce, left);
            if (!page)
                return page.error();
            since_ = page->next;
            const bool said = std::ranges::any_of(page->events, [&](const rpc::EventView& event) {
                return event.uuid == uuid;
            });
            if (said || page->resync)
                return Unit{};
        }
    }

  private:
    Follower(const Session& session, std::uint64_t since) : session_{session}, since_{since} {}

    const Session& session_;
    std::uint64_t since_;
};

Outcome<std::string> wanted_state(const Args& args)
{
    std::string wanted = args.value("for").value_or("stopped");
    rpc::DomainState known{};
    if (wanted == "gone" || boost::describe::enum_from_string(wanted.c_str(), known))
        return wanted;
    return Error{
        Code::usage,
        "\"" + wanted + "\" is no state",
        "use running, paused, shutdown, crashed, stopped or gone"};
}

Error too_late(const std::string& ref, const Seen& seen, const std::string& wanted, seconds limit)
{
    const std::string after = std::to_string(limit.count()) + " s";
    return {Code::timeout, ref + " is " + seen.state + ", not " + wanted + ", after " + after, {}};
}

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::string wanted = TRY(wanted_state(args));
    const auto limit = seconds{TRY(args.number("timeout", 86400 * 365, 86400 * 365))};
    const auto deadline = Clock::now() + limit;
    const std::string& name = args.positional.at(0);
    auto follower = TRY(Follower::from_now(session)); // before the first look: nothing is missed
    Seen seen = TRY(look(session, name));
    if (seen.uuid.empty() && wanted != "gone")
        return Error{Code::not_found, "there is no domain " + name, "see `zl list`"};
    // From now on by uuid: another domain may take the name.
    const std::string uuid = seen.uuid;
    while (!reached(seen.state, wanted)) {
        const auto now = Clock::now();
        if (now >= deadline)
            return too_late(name, seen, wanted, limit);
        const auto pause = seen.foreign ? kLookAgainForeign : kLookAgain;
        TRY(follower.wait(uuid, std::min(deadline, now + pause)));
        auto again = look(session, uuid);
        if (!again)
            return again.error();
        seen = std::move(*again);
    }
    return Unit{};
}

} // namespace

extern const Command wait_command{
    .name = "wait",
    .arguments = "DOMAIN",
    .summary = "Wait until a domain is in a state.",
    .details = "Follows the daemon's events; a domain made by xl is looked at every second.",
    .section = Section::inspect,
    .options = kOptions,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .run = run};

} // namespace zocalo::cli
