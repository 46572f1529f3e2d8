// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/handlers/handlers.hpp"
#include "toolstackd/rpc/handlers/wait.hpp"
#include "toolstackd/rpc/reply.hpp"

#include <charconv>

namespace zocalo::toolstack::handlers {
namespace {

Outcome<std::uint64_t> id_of(const Call& call)
{
    const std::string& text = call.params.at("id");
    std::uint64_t id = 0;
    const char* end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, id);
    if (stop != end || failure != std::errc{})
        return Error{
            Code::usage, "'" + text + "' is not an operation's number", "`zl ops` lists them"};
    return id;
}

} // namespace

Answer<Reply> ops(Services& services, Call call)
{
    auto active = call.target.flag("active");
    if (!active)
        co_return active.error();
    const auto answer = co_await services.toolstack.ops(*active);
    co_return view_reply(answer);
}

Answer<Reply> op(Services& services, Call call)
{
    auto id = id_of(call);
    if (!id)
        co_return id.error();
    auto wait = wait_of(call);
    if (!wait)
        co_return wait.error();
    auto op = co_await services.toolstack.op(*id);
    if (op && *wait)
        op = co_await wait_until_ended(services.toolstack, *op, **wait, call.client_gone);
    co_return view_reply(op);
}

Answer<Reply> cancel_op(Services& services, Call call)
{
    auto id = id_of(call);
    if (!id)
        co_return id.error();
    const auto answer = co_await services.toolstack.cancel(*id);
    co_return view_reply(answer);
}

} // namespace zocalo::toolstack::handlers
