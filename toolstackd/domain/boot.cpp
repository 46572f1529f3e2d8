// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/boot.hpp"

#include "toolstackd/domain/reservation.hpp"

namespace zocalo::toolstack {
namespace {

// Nothing of an earlier boot exists any more: no guest, no process, no xenstore node.
void forget_instance(Context& ctx, Batch& batch, const Record& record)
{
    for (const DeviceRow& row : record.devices)
        batch.dropped_devices.push_back(ref_of(row));
    for (const ResourceRow& row : record.resources)
        if (!record.domain.managed || row.kind != "mac")
            batch.dropped_resources.push_back(row);
    const bool lived = record.live();
    if (lived)
        batch.events.push_back(event_of(ctx, record, "domain.stopped", {{"reason", "host reboot"}})
        );
    if (!record.domain.managed) {
        batch.dropped_domains.push_back(record.domain.uuid);
        return;
    }
    const bool again = record.domain.config.autostart.enabled;
    InstanceRow instance = record.instance;
    instance.domid = -1;
    instance.boot_id = ctx.settings.boot_id;
    instance.phase = again ? Phase::queued : Phase::none;
    instance.after_end = AfterEnd::stop;
    instance.start_paused = false;
    if (lived)
        instance.last_exit = "host reboot";
    batch.instances.push_back(std::move(instance));
    DomainRow domain = record.domain;
    domain.desired = again ? Desired::running : Desired::stopped;
    batch.domains.push_back(std::move(domain));
}

Answer<Unit> forget_last_boot(Context& ctx)
{
    Batch batch;
    for (const auto& [uuid, record] : ctx.book.records())
        forget_instance(ctx, batch, record);
    for (const auto& [id, op] : ctx.book.ops()) {
        Outcome<Unit> outcome = Error{Code::failed, "the host was restarted", {}};
        if (op.verb == "destroy" || op.verb == "shutdown")
            outcome = Unit{};
        if (op.finished_ms == 0)
            finish_op(ctx, batch, op, outcome);
    }
    batch.meta.emplace_back("boot_id", ctx.settings.boot_id);
    batch.host_booted = true;
    co_return co_await ctx.commit(std::move(batch));
}

} // namespace

Answer<Unit> open_book(Context& ctx)
{
    auto contents = co_await ctx.db.load();
    if (!contents)
        co_return contents.error();
    const std::string last_boot = contents->boot_id;
    ctx.book.load(std::move(contents).value());
    if (last_boot == ctx.settings.boot_id || !ctx.read_only.empty())
        co_return Unit{};
    co_return co_await forget_last_boot(ctx);
}

Answer<Unit> end_queue(Context& ctx, Record& record, const std::string& failure)
{
    Batch batch;
    Outcome<Unit> promised = Unit{};
    const auto guard = co_await ctx.reserving.acquire();
    if (failure.empty())
        promised = co_await promise_start(ctx, batch, record.domain, record.instance);
    else
        promised = Error{Code::conflict, failure, {}};
    if (!promised && promised.error().code == Code::unreachable)
        co_return promised.error(); // Xen is away: later
    if (!promised) {
        batch = Batch{};
        InstanceRow instance = record.instance;
        instance.phase = Phase::none;
        batch.instances.push_back(std::move(instance));
        DomainRow domain = record.domain;
        domain.desired = Desired::stopped;
        domain.reason = promised.error().what;
        batch.domains.push_back(std::move(domain));
        boost::json::object body{{"error", promised.error().what}};
        batch.events.push_back(event_of(ctx, record, "domain.start_failed", body));
    }
    auto written = co_await ctx.commit(std::move(batch));
    if (written)
        record.turn = false;
    else
        ctx.promised_kib.erase(record.domain.uuid);
    co_return written;
}

} // namespace zocalo::toolstack
