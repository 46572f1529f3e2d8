// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/handlers/wait.hpp"

#include <algorithm>

namespace zocalo::toolstack::handlers {

Outcome<std::optional<Seconds>> wait_of(const Call& call)
{
    const auto given = TRY(call.target.number("wait", kLongestWait));
    if (!given)
        return std::optional<Seconds>{};
    return std::optional<Seconds>{Seconds{*given}};
}

bool ended(const rpc::OpView& op)
{
    return op.state != rpc::OpState::accepted && op.state != rpc::OpState::running;
}

Answer<rpc::OpView> wait_until_ended(
    Toolstack& toolstack, rpc::OpView op, Seconds limit, std::function<bool()> client_gone
)
{
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + limit;
    while (!ended(op) && !client_gone()) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0)
            break;
        auto now = co_await toolstack.wait_op(op.id, std::min(left, kWaitSlice));
        if (!now)
            co_return now.error();
        op = std::move(*now);
    }
    co_return op;
}

} // namespace zocalo::toolstack::handlers
