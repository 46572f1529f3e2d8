// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

std::string device_path(const Args& args, std::string_view kind)
{
    const std::string device = percent_encoded(args.positional.at(1));
    return domain_path(args.positional.at(0), "/" + std::string{kind} + "/" + device);
}

} // namespace

Outcome<Unit> post_domain(
    const Args& args, Session& session, std::string_view rest, boost::json::object body, bool wait
)
{
    const Change change{"POST", domain_path(args.positional.at(0), rest), std::move(body)};
    TRY(session.change(args, change, wait));
    return Unit{};
}

Outcome<Unit> post_memory(const Args& args, Session& session, const char* which)
{
    boost::json::object body;
    body[which] = TRY(parse_mebibytes(args.positional.at(1)));
    return post_domain(args, session, "/memory", std::move(body));
}

Outcome<Unit> post_device(
    const Args& args,
    Session& session,
    std::string_view kind,
    std::string_view action,
    boost::json::object body
)
{
    const std::string path = device_path(args, kind) + "/" + std::string{action};
    TRY(session.change(args, Change{"POST", path, std::move(body)}));
    return Unit{};
}

Outcome<Unit> detach_device(const Args& args, Session& session, std::string_view kind)
{
    const std::string path = device_path(args, kind) + (args.has("force") ? "?force=1" : "");
    TRY(session.change(args, Change{"DELETE", path, {}}));
    return Unit{};
}

} // namespace zocalo::cli
