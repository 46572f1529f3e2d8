// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/stop_guests.hpp"

#include "cli/commands/on_domain.hpp"

#include <chrono>

namespace zocalo::cli {
namespace {

constexpr std::uint64_t kGuestsTime = 60, kLongest = 86400;
// The daemon ends the operation when the guest's time is over; its word shall come before ours.
constexpr std::uint64_t kGrace = 15;

struct Asked {
    std::string name;
    std::uint64_t op{};
};

// What was not done, by whom, and why: one line however many guests there were.
class NotDone {
  public:
    void add(const std::string& name, const Error& error)
    {
        names_ += (count_++ == 0 ? "" : "; ") + name + ": " + error.what;
        code_ = error.code;
    }

    Outcome<Unit> outcome(std::string_view verb, std::size_t of) const
    {
        if (count_ == 0)
            return Unit{};
        return Error{
            code_,
            std::string{verb} + ": " + std::to_string(count_) + " of " + std::to_string(of) +
                " guests not done: " + names_,
            "look at their consoles; `zl destroy` ends a guest without asking"};
    }

  private:
    std::string names_;
    std::size_t count_{0};
    Code code_{};
};

// All are asked before any is waited for.
Outcome<Unit>
stop_all(const Args& args, Session& session, std::string_view verb, const boost::json::object& body)
{
    const auto limit = std::chrono::seconds{TRY(args.number("timeout", 0, kLongest + kGrace))};
    const std::string rest = "/" + std::string{verb};
    Args asking = args;
    asking.given.erase("wait");
    NotDone not_done;
    std::vector<Asked> asked;
    std::size_t guests = 0;
    for (const auto& domain : TRY(session.api.domains())) {
        if (domain.domid <= 0)
            continue;
        ++guests;
        const Change change{"POST", domain_path(domain.uuid, rest), body};
        const auto op = session.change(asking, change, false);
        if (op)
            asked.push_back({domain.name, op->id});
        else
            not_done.add(domain.name, op.error());
    }
    const bool wait = args.has("wait") && !args.has("no-wait");
    for (const Asked& guest : wait ? asked : std::vector<Asked>{})
        if (const auto op = session.api.wait_op(guest.op, limit); !op)
            not_done.add(guest.name, op.error());
    return not_done.outcome(verb, guests);
}

} // namespace

Outcome<Unit> stop_guests(const Args& args, Session& session, std::string_view verb)
{
    if (args.has("all") != args.positional.empty())
        return Error{Code::usage, std::string{verb} + ": name a domain, or give -a alone", {}};
    const std::uint64_t guests_time = TRY(args.number("timeout", kGuestsTime, kLongest));
    boost::json::object body;
    body["timeout_s"] = guests_time;
    Args asking = args;
    asking.given["timeout"] = {std::to_string(guests_time + kGrace)};
    if (args.has("all"))
        return stop_all(asking, session, verb, body);
    return post_domain(asking, session, "/" + std::string{verb}, body, args.has("wait"));
}

} // namespace zocalo::cli
