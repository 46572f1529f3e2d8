// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/bodies.hpp"
#include "toolstackd/rpc/handlers/handlers.hpp"
#include "toolstackd/rpc/openapi.hpp"
#include "toolstackd/rpc/reply.hpp"

namespace zocalo::toolstack::handlers {

Answer<Reply> version(Services& services, Call)
{
    rpc::VersionAnswer answer{services.version, 1};
    co_return json_reply(rpc::to_json(answer));
}

Answer<Reply> host(Services& services, Call)
{
    const auto answer = co_await services.toolstack.host();
    co_return view_reply(answer);
}

Answer<Reply> dmesg(Services& services, Call call)
{
    auto clear = call.target.flag("clear");
    if (!clear)
        co_return clear.error();
    if (*clear && call.peer.access != Access::admin)
        co_return Error{
            Code::denied,
            "clearing the hypervisor's messages needs admin rights",
            "ask without clear=1"};
    auto text = co_await services.toolstack.dmesg(*clear);
    if (!text)
        co_return text.error();
    rpc::TextAnswer answer{std::move(*text)};
    co_return json_reply(rpc::to_json(answer));
}

Answer<Reply> doctor(Services& services, Call)
{
    const auto answer = co_await services.toolstack.doctor();
    co_return view_reply(answer);
}

Answer<Reply> openapi(Services&, Call)
{
    co_return Reply{200, "application/json", openapi_text()};
}

} // namespace zocalo::toolstack::handlers
