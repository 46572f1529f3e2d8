// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

#include <optional>

namespace zocalo::cli {

Outcome<Unit> post_domain(
    const Args& args, Session& session, std::string_view rest, boost::json::object body, bool wait
)
{
    const Change change{"POST", domain_path(args.positional.at(0), rest), std::move(body)};
    TRY(session.change(args, change, wait));
    return Unit{};
}

Outcome<Unit> stop_guests(const Args& args, Session& session, std::string_view verb)
{
    const bool all = args.has("all");
    if (all != args.positional.empty())
        return Error{Code::usage, std::string{verb} + ": name a domain, or give -a alone", {}};
    const std::string rest = "/" + std::string{verb};
    if (!all)
        return post_domain(args, session, rest, {}, args.has("wait"));
    // All are asked before any is waited for.
    std::optional<Error> failure;
    std::vector<std::uint64_t> operations;
    const bool wait = args.has("wait") && !args.has("no-wait");
    Args asking = args;
    asking.given.erase("wait");
    for (const auto& domain : TRY(session.api.domains())) {
        if (domain.domid <= 0)
            continue;
        auto op = session.change(asking, Change{"POST", domain_path(domain.uuid, rest), {}}, false);
        if (op)
            operations.push_back(op->id);
        else
            failure = op.error();
    }
    for (const std::uint64_t id : wait ? operations : std::vector<std::uint64_t>{}) {
        auto op =
            session.api.wait_op(id, std::chrono::seconds{TRY(args.number("timeout", 120, 86400))});
        if (!op)
            failure = op.error();
    }
    if (failure)
        return *failure;
    return Unit{};
}

} // namespace zocalo::cli
