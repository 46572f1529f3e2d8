// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/bodies.hpp"
#include "toolstackd/rpc/handlers/handlers.hpp"
#include "toolstackd/rpc/reply.hpp"

namespace zocalo::toolstack::handlers {

Answer<Reply> domains(Services& services, Call)
{
    const auto answer = co_await services.toolstack.domains();
    co_return view_reply(answer);
}

Answer<Reply> domain(Services& services, Call call)
{
    const auto answer = co_await services.toolstack.domain(call.params.at("ref"));
    co_return view_reply(answer);
}

Answer<Reply> device_stats(Services& services, Call call)
{
    const auto answer = co_await services.toolstack.device_stats(call.params.at("ref"));
    co_return view_reply(answer);
}

Answer<Reply> check(Services& services, Call call)
{
    auto body = rpc::from_json<rpc::ConfigBody>(call.body, "");
    if (!body)
        co_return body.error();
    auto result = co_await services.toolstack.check(std::move(body->config));
    if (!result)
        co_return result.error();
    rpc::CheckAnswer answer{std::move(result->config), std::move(result->steps)};
    co_return json_reply(rpc::to_json(answer));
}

Answer<Reply> console_log(Services& services, Call call)
{
    constexpr std::uint64_t kMost = 16 << 20;
    auto bytes = call.target.number("bytes", kMost);
    if (!bytes)
        co_return bytes.error();
    auto uuid = co_await services.toolstack.resolve(call.params.at("ref"));
    if (!uuid)
        co_return uuid.error();
    auto text = co_await services.consoles.history(*uuid, bytes->value_or(kMost));
    if (!text)
        co_return text.error();
    co_return Reply{200, "text/plain; charset=utf-8", std::move(*text)};
}

} // namespace zocalo::toolstack::handlers
