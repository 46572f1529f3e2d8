// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'a', "active", "", "Only those that have not ended"},
    {0, "timeout", "SECONDS", "With wait: how long; default 120"},
};

const std::vector<Column>& columns()
{
    static const std::vector<Column> kColumns{
        {"id", "ID", true},
        {"verb", "VERB"},
        {"name", "NAME"},
        {"state", "STATE"},
        {"step", "STEP"},
        {"created", "CREATED"},
        {"error", "ERROR"}};
    return kColumns;
}

Outcome<Unit> show_one(const Args& args, Session& session, const rpc::OpView& op)
{
    return session.show(args, Listing{columns(), {op_row(op)}, true});
}

Outcome<std::uint64_t> id_of(const Args& args)
{
    if (args.positional.size() != 2)
        return Error{
            Code::usage, "ops " + args.positional.at(0) + ": name the operation by its id", {}};
    return parse_number("operation", args.positional[1], ~0ULL);
}

Outcome<Unit> cancel(const Args& args, Session& session)
{
    const std::uint64_t id = TRY(id_of(args));
    const Change change{"DELETE", "/v1/ops/" + std::to_string(id), {}};
    const auto op = TRY(session.change(args, change, false));
    return show_one(args, session, op);
}

Outcome<Unit> wait_for(const Args& args, Session& session)
{
    const std::uint64_t id = TRY(id_of(args));
    const auto limit = std::chrono::seconds{TRY(args.number("timeout", 120, 86400))};
    const auto op = TRY(session.api.wait_op(id, limit));
    return show_one(args, session, op);
}

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::string what = args.positional.empty() ? "list" : args.positional.front();
    if (what == "cancel")
        return cancel(args, session);
    if (what == "wait")
        return wait_for(args, session);
    if (what != "list") {
        const std::uint64_t id = TRY(parse_number("operation", what, ~0ULL));
        return show_one(args, session, TRY(session.api.op(id)));
    }
    Listing listing{columns(), {}, false};
    for (const auto& op : TRY(session.api.ops(args.has("active"))))
        listing.rows.emplace_back(op_row(op));
    return session.show(args, listing);
}

} // namespace

extern const Command ops_command{
    .name = "ops",
    .arguments = "[list | ID | wait ID | cancel ID]",
    .summary = "List, watch or cancel operations.",
    .details = "A cancelled operation stops where that is safe.",
    .section = Section::daemon,
    .options = kOptions,
    .least = 0,
    .most = 2,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
