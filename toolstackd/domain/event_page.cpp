// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/event_page.hpp"

#include <algorithm>

namespace zocalo::toolstack {

EventPage page_of(const Book& book, std::uint64_t since, std::size_t max)
{
    const auto& events = book.events();
    EventPage page;
    page.next = since;
    const std::uint64_t last_lost = events.empty() ? book.last_event() : events.front().seq - 1;
    if (since > book.last_event() || since < last_lost) {
        page.resync = true;
        page.next = book.last_event();
        return page;
    }
    const auto first = std::ranges::upper_bound(events, since, {}, &rpc::EventView::seq);
    for (auto event = first; event != events.end() && page.events.size() < max; ++event)
        page.events.push_back(*event);
    if (!page.events.empty())
        page.next = page.events.back().seq;
    return page;
}

} // namespace zocalo::toolstack
