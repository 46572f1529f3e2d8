// SPDX-License-Identifier: Apache-2.0
#include "cli/client/stream.hpp"
#include "cli/commands/rows.hpp"
#include "common/rpc/json.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <ostream>
#include <thread>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "follow", "", "Go on with what comes (the default)"},
    {0, "no-follow", "", "Stop after what has happened so far"},
    {0, "since", "SEQ", "Begin after the event of that number"},
    {0, "limit", "NUMBER", "With --no-follow: at most so many; default all"},
};

constexpr std::chrono::seconds kReconnectFor{30};

const std::vector<Column>& columns()
{
    static const std::vector<Column> kColumns{
        {"seq", "SEQ", true},
        {"time", "TIME"},
        {"kind", "KIND"},
        {"name", "NAME"},
        {"body", "BODY"}};
    return kColumns;
}

// Prints each event as it comes; remembers the last one, to go on from there.
class EventPrinter : public StreamHandler {
  public:
    EventPrinter(const Args& args, const Session& session, std::uint64_t since)
        : args_{args}, session_{session}, last_{since}
    {
    }

    bool frame(std::string_view bytes, bool binary) override
    {
        const auto message = rpc::parse(bytes);
        if (binary || !message || !message->is_object())
            return true;
        if (message->get_object().contains("resync")) {
            session_.warn("events were lost: list again what you follow");
            return true;
        }
        const auto event = rpc::from_json<rpc::EventView>(*message, "event");
        if (!event)
            return true;
        last_ = event->seq;
        Args one = args_;
        one.given["no-header"] = {""};
        const auto shown = session_.show(one, Listing{columns(), {event_row(*event)}, true});
        session_.out << std::flush;
        return shown && session_.out.good();
    }

    bool input(std::string_view, std::string&) override { return true; }
    std::uint64_t last() const { return last_; }

  private:
    const Args& args_;
    const Session& session_;
    std::uint64_t last_;
};

Outcome<Unit> follow(const Args& args, Session& session, std::optional<std::uint64_t> since)
{
    EventPrinter printer{args, session, since.value_or(0)};
    auto give_up = std::chrono::steady_clock::now();
    bool first = true;
    for (;;) {
        const std::uint64_t before = printer.last();
        const std::string query = since || !first ? "?since=" + std::to_string(printer.last()) : "";
        auto result = run_stream(
            session.api.socket_path(), "/v1/events" + query, -1, printer, session.api.limit()
        );
        if (result || result.error().code != Code::unreachable)
            return result;
        // A daemon that restarts loses no event: go on after the last one seen.
        const auto now = std::chrono::steady_clock::now();
        if (printer.last() != before)
            give_up = now + kReconnectFor;
        if (first && printer.last() == before)
            return result;
        if (now >= give_up)
            return result;
        first = false;
        std::this_thread::sleep_for(std::chrono::milliseconds{300});
    }
}

// What has happened after `since`, at most `limit` of it, asked for in the pages the daemon gives.
Outcome<std::vector<rpc::EventView>>
events_so_far(const Session& session, std::uint64_t since, std::uint64_t limit)
{
    constexpr std::uint64_t kPage = 1000;
    std::vector<rpc::EventView> events;
    for (;;) {
        const std::uint64_t wanted = std::min(kPage, limit - events.size());
        auto page = TRY(session.api.events(since, static_cast<std::uint32_t>(wanted)));
        if (page.resync)
            return Error{
                Code::failed,
                "events after " + std::to_string(since) + " are no longer kept",
                "list what they were about; the next one will be after " +
                    std::to_string(page.next)};
        std::ranges::move(page.events, std::back_inserter(events));
        if (page.events.size() < wanted || events.size() >= limit)
            return events;
        since = page.next;
    }
}

Outcome<Unit> run(const Args& args, Session& session)
{
    constexpr std::uint64_t kMost = 1ULL << 62;
    std::optional<std::uint64_t> since;
    if (args.has("since"))
        since = TRY(args.number("since", 0, kMost));
    if (args.has("follow") || !args.has("no-follow"))
        return follow(args, session, since);
    const std::uint64_t limit = TRY(args.number("limit", kMost, kMost));
    Listing listing{columns(), {}, false};
    for (const auto& event : TRY(events_so_far(session, since.value_or(0), limit)))
        listing.rows.emplace_back(event_row(event));
    return session.show(args, listing);
}

} // namespace

extern const Command events_command{
    .name = "events",
    .arguments = "",
    .summary = "Print what happens, as it happens.",
    .details = "Every event has a number that never repeats; --since goes on where one stopped.",
    .section = Section::daemon,
    .options = kOptions,
    .least = 0,
    .most = 0,
    .shows = true,
    .run = run};

} // namespace zocalo::cli
