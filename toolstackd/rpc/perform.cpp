// SPDX-License-Identifier: Apache-2.0
// From a parsed HTTP request to a reply: decode → check → act → answer.
#include "common/rpc/json.hpp"
#include "toolstackd/rpc/connection.hpp"
#include "toolstackd/rpc/reply.hpp"
#include "toolstackd/sys/log.hpp"

#include <algorithm>

namespace zocalo::toolstack {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t kLongestKey = 128; // of Idempotency-Key

std::optional<Method> method_of(http::verb verb)
{
    switch (verb) {
    case http::verb::get:
        return Method::get;
    case http::verb::post:
        return Method::post;
    case http::verb::put:
        return Method::put;
    case http::verb::delete_:
        return Method::delete_;
    default:
        return std::nullopt;
    }
}

std::optional<Reply> check_rights(const Peer& peer, const Route* route)
{
    if (peer.access == Access::none)
        return error_reply(Error{
            Code::denied,
            "user " + std::to_string(peer.uid) + " may not use this socket",
            "join group zocalo (to look) or zocalo-admin (to change), then log in again"});
    if (route != nullptr && route->access == Access::admin && peer.access != Access::admin)
        return error_reply(Error{
            Code::denied,
            std::string(name(route->method)) + " " + route->pattern + " needs admin rights",
            "be root or join group zocalo-admin"});
    return std::nullopt;
}

Reply no_such_route(const std::string& allowed)
{
    if (allowed.empty())
        return error_reply(Error{Code::not_found, "there is no such path", "see docs/api.md"});
    return error_reply(405, "usage", "this path has only the methods " + allowed);
}

Outcome<boost::json::object> read_body(const Call& call, const std::string& text)
{
    if (text.empty() && call.route->takes.schema == nullptr)
        return boost::json::object{};
    auto value = TRY(rpc::parse(text.empty() ? "{}" : text));
    if (!value.is_object())
        return rpc::wrong_type("body", "an object");
    if (call.route->takes.check != nullptr)
        TRY(call.route->takes.check(value));
    return std::move(value.get_object());
}

} // namespace

std::optional<Reply> admit(const HttpRequest& head, const Peer& peer, Call& call)
{
    call.peer = peer;
    auto target = parse_target({head.target().data(), head.target().size()});
    if (!target)
        return error_reply(target.error());
    const auto method = method_of(head.method());
    // A method nobody has still gets the path's list.
    Match found = match(method.value_or(Method::get), target->path);
    if (!method && found.route != nullptr)
        found.allowed = name(std::exchange(found.route, nullptr)->method);
    if (auto refusal = check_rights(peer, found.route))
        return refusal;
    if (found.route == nullptr)
        return no_such_route(found.allowed);
    const auto key = head["Idempotency-Key"];
    if (key.size() > kLongestKey)
        return error_reply(Error{Code::usage, "Idempotency-Key is longer than 128 bytes", {}});
    call.idempotency_key = std::string(key);
    call.route = found.route;
    call.params = std::move(found.params);
    call.target = std::move(*target);
    return std::nullopt;
}

boost::asio::awaitable<Reply> perform(Services& services, Call call, std::string body)
{
    auto parsed = read_body(call, body);
    if (!parsed)
        co_return error_reply(parsed.error());
    call.body = std::move(*parsed);
    const Route& route = *call.route;
    if (route.handler == nullptr)
        co_return error_reply(426, "usage", "this path speaks WebSocket only");
    std::string failure;
    try {
        auto reply = co_await route.handler(services, std::move(call));
        co_return reply ? std::move(*reply) : error_reply(reply.error());
    } catch (const boost::system::system_error& e) {
        if (e.code() == boost::asio::error::operation_aborted)
            throw; // the daemon is stopping
        failure = e.what();
    } catch (const std::exception& e) {
        failure = e.what();
    }
    log_error(std::string(name(route.method)) + " " + route.pattern + " threw: " + failure);
    co_return error_reply(Error{
        Code::failed, "the daemon failed to answer: " + failure, "see journalctl -u toolstackd"});
}

} // namespace zocalo::toolstack
