// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/handlers/handlers.hpp"
#include "toolstackd/rpc/handlers/wait.hpp"
#include "toolstackd/rpc/reply.hpp"
#include "toolstackd/sys/log.hpp"

namespace zocalo::toolstack::handlers {
namespace {

// The audit line of a change.
void record(const Call& call, const Request& request, const Outcome<rpc::OpView>& op)
{
    std::string line = "change " + request.verb;
    if (!request.ref.empty())
        line += " of " + request.ref;
    line += " by uid " + std::to_string(call.peer.uid) + " pid " + std::to_string(call.peer.pid);
    line += op ? ": operation " + std::to_string(op->id) : " refused: " + op.error().what;
    log_info(line);
}

Answer<Reply> submit(Services& services, Call call, boost::json::object args)
{
    auto wait = wait_of(call);
    if (!wait)
        co_return wait.error();
    Request request;
    request.verb = call.route->verb;
    if (const auto ref = call.params.find("ref"); ref != call.params.end())
        request.ref = ref->second;
    request.args = std::move(args);
    request.idempotency_key = call.idempotency_key;
    request.uid = call.peer.uid;
    auto op = co_await services.toolstack.submit(request);
    record(call, request, op);
    if (op && *wait)
        op = co_await wait_until_ended(services.toolstack, *op, **wait, call.client_gone);
    if (!op)
        co_return op.error();
    co_return json_reply(rpc::to_json(*op), ended(*op) ? 200 : 202);
}

} // namespace

Answer<Reply> change(Services& services, Call call)
{
    boost::json::object args = std::move(call.body);
    co_return co_await submit(services, std::move(call), std::move(args));
}

Answer<Reply> change_device(Services& services, Call call)
{
    boost::json::object args;
    args["device"] = call.params.at("device");
    const std::string_view verb = call.route->verb;
    if (verb == "block-limit")
        args["limits"] = std::move(call.body);
    else if (verb == "block-medium" && call.body.contains("target"))
        args["target"] = call.body.at("target");
    co_return co_await submit(services, std::move(call), std::move(args));
}

Answer<Reply> detach(Services& services, Call call)
{
    auto force = call.target.flag("force");
    if (!force)
        co_return force.error();
    boost::json::object args;
    args["device"] = call.params.at("device");
    args["force"] = *force;
    co_return co_await submit(services, std::move(call), std::move(args));
}

} // namespace zocalo::toolstack::handlers
