// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/sweep.hpp"

#include "toolstackd/domain/autostart.hpp"
#include "toolstackd/domain/boot.hpp"
#include "toolstackd/sys/log.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

// What an actor would want to know at once.
bool changed(const Record& record, const std::optional<LiveDomain>& now)
{
    if (record.seen.has_value() != now.has_value())
        return true;
    if (!now)
        return false;
    return record.seen->shutdown != now->shutdown || record.seen->dying != now->dying;
}

// A device that failed, or whose backend was replaced, is for clients to hear of; sessions slow
// down a guest that provokes it.
boost::asio::awaitable<void>
tell(Context& ctx, rpc::Uuid uuid, DeviceKey device, std::string kind, std::string text)
{
    const Record* record = ctx.book.find(uuid);
    if (record == nullptr)
        co_return;
    const bool disk = device.kind == DeviceKind::disk;
    boost::json::object body{
        {"kind", disk ? "disk" : "nic"},
        {"devid", device.devid},
        {kind == "device.failed" ? "error" : "note", text}};
    Batch batch;
    batch.events.push_back(event_of(ctx, *record, kind, body));
    auto written = co_await ctx.commit_for_this_boot(std::move(batch));
    if (!written)
        log_warning("what became of a device is in this log only: " + describe(written.error()));
}

} // namespace

Sweep::Sweep(Context& ctx, Actors& actors) : ctx_{ctx}, actors_{actors}, awake_{ctx.executor} {}

void Sweep::start()
{
    const auto wake = [this](const std::string&) {
        fired_ = true;
        awake_.notify();
    };
    for (const char* path : {"@introduceDomain", "@releaseDomain"})
        watches_.push_back(ctx_.store.watch(path, wake));
    ctx_.devices.on_notice(
        [this](
            const rpc::Uuid& uuid, DeviceKey key, const std::string& kind, const std::string& text
        ) {
            log_info("domain " + rpc::text(uuid) + ": " + kind + ": " + text);
            if (kind != "device.connected")
                ctx_.tasks.spawn(kind, tell(ctx_, uuid, key, kind, text));
            actors_.mark(uuid);
        }
    );
    ctx_.tasks.spawn("watch domains", watch_domains());
    ctx_.tasks.spawn("autostart", give_turns());
}

void Sweep::stop()
{
    watches_.clear();
    ctx_.devices.on_notice({});
    awake_.notify();
}

Answer<Unit> Sweep::compare()
{
    auto all = co_await ctx_.hv.list();
    if (!all) {
        actors_.mark_all(); // each finds out for itself, and says so
        co_return all.error();
    }
    std::map<std::pair<rpc::Uuid, std::int32_t>, LiveDomain> rows;
    for (const LiveDomain& live : *all)
        rows[{live.handle, live.domid.value}] = live;
    for (const auto& [uuid, record] : ctx_.book.records()) {
        if (!record.live())
            continue;
        const auto found = rows.find({uuid, record.instance.domid});
        std::optional<LiveDomain> now;
        if (found != rows.end())
            now = found->second;
        if (changed(record, now) || !record.unknown.empty())
            actors_.mark(uuid);
    }
    co_return Unit{};
}

boost::asio::awaitable<void> Sweep::watch_domains()
{
    while (!ctx_.stopping) {
        fired_ = false;
        auto compared = co_await compare();
        if (!compared)
            log_warning("cannot list the domains: " + describe(compared.error()));
        const std::int64_t end = ctx_.clock.now_ms() + (compared ? ctx_.settings.resync_ms
                                                                 : ctx_.settings.unknown_retry_ms);
        const auto alarm = ctx_.clock.at(end, [this] { awake_.notify(); });
        while (!fired_ && !ctx_.stopping && ctx_.clock.now_ms() < end)
            co_await awake_.wait();
    }
}

boost::asio::awaitable<void> Sweep::give_turns()
{
    while (!ctx_.stopping) {
        const Turns turns = next_turns(ctx_.book.records(), ctx_.clock.now_ms());
        for (const rpc::Uuid& uuid : turns.go)
            if (Record* record = ctx_.book.find(uuid)) {
                record->turn = true;
                record->queue_failure.clear();
                actors_.mark(uuid);
            }
        for (const auto& [uuid, why] : turns.never)
            if (Record* record = ctx_.book.find(uuid)) {
                record->turn = true;
                record->queue_failure = why;
                actors_.mark(uuid);
            }
        Clock::Alarm alarm;
        if (turns.wake_ms != 0)
            alarm = ctx_.clock.at(turns.wake_ms, [this] { ctx_.changed.notify(); });
        const bool any_queued = std::ranges::any_of(ctx_.book.records(), [](const auto& entry) {
            return entry.second.instance.phase == Phase::queued;
        });
        if (!any_queued)
            co_return; // queued only when the host boots
        co_await ctx_.changed.wait();
    }
}

} // namespace zocalo::toolstack
