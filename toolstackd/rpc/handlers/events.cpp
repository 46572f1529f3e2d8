// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/handlers/handlers.hpp"
#include "toolstackd/rpc/handlers/wait.hpp"
#include "toolstackd/rpc/reply.hpp"

#include <algorithm>
#include <limits>

namespace zocalo::toolstack::handlers {
namespace {

constexpr std::uint64_t kMostEvents = 1000;

struct Query {
    std::uint64_t since{};
    std::size_t limit{};
    Seconds wait{};
};

Outcome<Query> query_of(const Call& call)
{
    Query query;
    const auto since = TRY(call.target.number("since", std::numeric_limits<std::uint64_t>::max()));
    const auto limit = TRY(call.target.number("limit", kMostEvents));
    const auto wait = TRY(wait_of(call));
    query.since = since.value_or(0);
    query.limit = limit.value_or(kMostEvents);
    query.wait = wait.value_or(Seconds{0});
    return query;
}

Reply page_reply(const EventPage& page)
{
    boost::json::object body;
    body["next"] = page.next;
    if (page.resync) {
        body["error"] = {
            {"code", "gone"},
            {"what", "events after this number are no longer kept; fetch the lists again"},
            {"next", "go on from `next`; see docs/api.md"}};
        return json_reply(body, 410);
    }
    body["events"] = rpc::to_json(page.events);
    return json_reply(body);
}

} // namespace

Answer<Reply> events(Services& services, Call call)
{
    auto query = query_of(call);
    if (!query)
        co_return query.error();
    const auto deadline = std::chrono::steady_clock::now() + query->wait;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now()
        );
        const auto slice = std::clamp(left, std::chrono::milliseconds{0}, kWaitSlice);
        auto page = co_await services.toolstack.events(query->since, query->limit, slice);
        if (!page)
            co_return page.error();
        if (!page->events.empty() || page->resync || left <= slice || call.client_gone())
            co_return page_reply(*page);
    }
}

} // namespace zocalo::toolstack::handlers
