// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/end.hpp"

#include "toolstackd/domain/ops.hpp"
#include "toolstackd/domain/others_end.hpp"
#include "toolstackd/domain/policy.hpp"
#include "toolstackd/domain/reservation.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

bool is_disk(const ResourceRow& row)
{
    return row.kind != "mac";
}

Outcome<Unit> op_outcome(const Record& record, const OpRow& op)
{
    if (op.verb == "destroy" || op.verb == "shutdown")
        return Unit{};
    if (record.failure)
        return *record.failure;
    if (op.verb == "reboot")
        return Error{Code::failed, "the guest stopped instead of rebooting", {}};
    return Error{Code::conflict, "the domain ended before this was done", {}};
}

// Operations that cannot outlive the instance.
void end_ops(Context& ctx, Batch& batch, const Record& record, bool restarting, bool forgotten)
{
    for (const OpRow& op : ctx.book.active(rpc::text(record.domain.uuid))) {
        const bool guest_asked = op.verb == "shutdown" || op.verb == "reboot";
        const bool plugs = is_plug(op.verb) && op.deadline_ms != 0;
        const bool about_life = op.verb == "create" || op.verb == "start" || op.verb == "destroy";
        const bool ends = restarting ? plugs : forgotten || plugs || guest_asked || about_life;
        if (ends)
            finish_op(ctx, batch, op, op_outcome(record, op));
    }
}

void drop_devices(Batch& batch, const Record& record, bool forgotten)
{
    for (const DeviceRow& row : record.devices)
        batch.dropped_devices.push_back(ref_of(row));
    for (const ResourceRow& row : record.resources)
        if (forgotten || is_disk(row))
            batch.dropped_resources.push_back(row);
}

Answer<Unit> commit_stop(Context& ctx, Record& record)
{
    const rpc::Uuid uuid = record.domain.uuid;
    const bool forgotten = !record.domain.managed;
    Batch batch;
    end_ops(ctx, batch, record, false, forgotten);
    drop_devices(batch, record, forgotten);
    boost::json::object body{{"reason", record.instance.last_exit}};
    if (record.failure)
        body["error"] = record.failure->what;
    batch.events.push_back(
        event_of(ctx, record, record.failure ? "domain.start_failed" : "domain.stopped", body)
    );
    if (forgotten) {
        batch.dropped_domains.push_back(uuid);
    } else {
        InstanceRow instance = record.instance;
        instance.phase = Phase::none;
        instance.domid = -1;
        batch.instances.push_back(std::move(instance));
        DomainRow domain = record.domain;
        domain.desired = Desired::stopped;
        domain.reason = record.failure ? record.failure->what : "";
        batch.domains.push_back(std::move(domain));
    }
    auto written = co_await ctx.commit_for_this_boot(std::move(batch));
    if (!written)
        co_return written.error();
    ctx.promised_kib.erase(uuid);
    if (forgotten)
        ctx.consoles.forget(uuid);
    co_return Unit{};
}

// The next instance of the same domain: rows as a first start would make them.
Answer<Unit> commit_restart(Context& ctx, Record& record)
{
    const auto guard = co_await ctx.reserving.acquire();
    Batch batch;
    end_ops(ctx, batch, record, true, false);
    drop_devices(batch, record, false);
    auto disks = disk_rows(ctx, record.domain.uuid, record.domain.config.disks, true);
    if (!disks) {
        record.failure = disks.error();
        co_return Unit{};
    }
    batch.resources = std::move(disks).value();
    for (const rpc::DiskConfig& disk : record.domain.config.disks)
        batch.devices.push_back({record.domain.uuid, disk, DeviceState::attaching});
    for (const rpc::NicConfig& nic : record.domain.config.nics)
        batch.devices.push_back({record.domain.uuid, nic, DeviceState::attaching});
    InstanceRow instance = record.instance;
    instance.phase = Phase::starting;
    instance.domid = -1;
    instance.boot_id = ctx.settings.boot_id;
    instance.boot_seq += 1;
    instance.after_end = AfterEnd::stop;
    batch.instances.push_back(instance);
    if (record.failure) {
        DomainRow domain = record.domain;
        domain.reason = record.failure->what;
        batch.domains.push_back(std::move(domain));
    }
    boost::json::object body{
        {"reason", instance.last_exit},
        {"failures", instance.failures},
        {"not_before_ms", instance.not_before_ms}};
    batch.events.push_back(event_of(ctx, record, "domain.restarting", body));
    co_return co_await ctx.commit_for_this_boot(std::move(batch));
}

// A restart that could not be built is tried again for a while.
void decide_retry(Context& ctx, Record& record)
{
    if (!record.failure || record.domain.desired == Desired::stopped)
        return;
    for (const OpRow& op : ctx.book.active(rpc::text(record.domain.uuid)))
        if (op.verb == "create" || op.verb == "start" || op.verb == "destroy")
            return; // somebody waits for this very start and is told
    InstanceRow& instance = record.instance;
    if (instance.failures >= ctx.settings.start_retries)
        return;
    instance.failures += 1;
    instance.not_before_ms =
        ctx.clock.now_ms() +
        std::max(ctx.settings.backoff_first_ms, backoff_ms(instance.failures, ctx.settings));
    instance.after_end = AfterEnd::restart;
}

} // namespace

Answer<Unit> destroy_in_xen(Context& ctx, DomId domid)
{
    failpoint("hv.destroy:before");
    auto destroyed = co_await ctx.hv.destroy(domid);
    failpoint("hv.destroy:after");
    if (!destroyed && destroyed.error().code != Code::not_found)
        co_return destroyed.error();
    co_return Unit{};
}

Answer<Unit> release_objects(Context& ctx, Record& record)
{
    if (record.instance.domid < 0)
        co_return Unit{};
    ctx.consoles.close(record.domain.uuid, "the domain has ended");
    failpoint("store.release:before");
    auto released = co_await ctx.store.release(record.domid());
    failpoint("store.release:after");
    // xenstored lets go of a dead domain by itself and then knows no such domain.
    if (!released && released.error().code == Code::unreachable)
        co_return released.error();
    failpoint("devices.release_all:before");
    auto freed = co_await ctx.devices.release_all(record.domain.uuid, record.domid());
    failpoint("devices.release_all:after");
    if (!freed)
        co_return freed.error();
    co_return co_await close_others(ctx, record);
}

Answer<Unit> remove_nodes(Context& ctx, const Record& record)
{
    if (record.instance.domid < 0)
        co_return Unit{};
    const DeviceOwner owner = record.owner();
    std::vector<StoreChange> changes;
    for (const DeviceRow& row : record.devices)
        std::ranges::move(
            ctx.devices.nodes_to_remove(owner, key_of(row)), std::back_inserter(changes)
        );
    auto others = co_await others_backends(ctx, record);
    if (!others)
        co_return others.error();
    for (const std::string& directory : *others)
        changes.push_back({StoreChange::Kind::remove, directory, {}, {}});
    std::ranges::move(
        tree_removal(record.domain.uuid, record.domid()), std::back_inserter(changes)
    );
    StoreGuard guard = owner_guard(record.domain.uuid, record.domid());
    std::vector<StoreGuard> guards{guard};
    failpoint("store.remove:before");
    auto removed = co_await ctx.store.commit(changes, guards);
    failpoint("store.remove:after");
    if (removed || removed.error().code != Code::conflict)
        co_return removed;
    // Removed before, perhaps by another tool; or the domid has a new owner, whose nodes these are.
    auto owned_by = co_await ctx.store.read(guard.path);
    if (!owned_by)
        co_return owned_by.error();
    if (*owned_by)
        changes = {{StoreChange::Kind::remove, vm_path(record.domain.uuid), {}, {}}};
    StoreGuard unchanged{.path = guard.path, .value = *owned_by, .absent = !owned_by->has_value()};
    std::vector<StoreGuard> second{unchanged};
    failpoint("store.remove:before");
    removed = co_await ctx.store.commit(std::move(changes), std::move(second));
    failpoint("store.remove:after");
    co_return removed;
}

Answer<Unit> record_end(Context& ctx, Record& record, const std::string& word)
{
    const auto ops = ctx.book.active(rpc::text(record.domain.uuid));
    if (word == "destroy") { // the accepted operation is the durable decision
        record.instance.phase = Phase::ending;
        record.instance.after_end = AfterEnd::stop;
        record.instance.last_exit = "destroyed";
        record.instance.exit_ms = ctx.clock.now_ms();
        record.domain.desired = Desired::stopped;
        co_return Unit{};
    }
    const std::uint64_t boot_seq = record.instance.boot_seq;
    const bool stop_asked = std::ranges::any_of(ops, [&](const OpRow& op) {
        return op.verb == "shutdown" && op.deadline_ms != 0 && op.boot_seq == boot_seq;
    });
    const Ending end = decide_end(record, word, stop_asked, ctx.clock.now_ms(), ctx.settings);
    Batch batch;
    InstanceRow instance = record.instance;
    instance.phase = end.phase;
    instance.after_end = end.after;
    instance.last_exit = word;
    instance.exit_ms = ctx.clock.now_ms();
    instance.failures = end.failures;
    instance.not_before_ms = end.not_before_ms;
    instance.start_paused = false; // was meant for the first boot, as with xl
    batch.instances.push_back(std::move(instance));
    DomainRow domain = record.domain;
    domain.desired = end.desired;
    batch.domains.push_back(std::move(domain));
    boost::json::object body{{"reason", word}, {"boot_seq", boot_seq}};
    batch.events.push_back(event_of(ctx, record, "domain.ended", body));
    co_return co_await ctx.commit_for_this_boot(std::move(batch));
}

Answer<Unit> tear_down(Context& ctx, Record& record, const Observation& seen)
{
    show_step(ctx, record, "destroying");
    std::vector<LiveDomain> doomed = seen.strays;
    if (seen.domain)
        doomed.push_back(*seen.domain);
    for (const LiveDomain& domain : doomed)
        if (!domain.dying) {
            auto destroyed = co_await destroy_in_xen(ctx, domain.domid);
            if (!destroyed)
                co_return destroyed.error();
        }
    auto released = co_await release_objects(ctx, record);
    if (released)
        record.released = true;
    co_return released;
}

Answer<Unit> finish_end(Context& ctx, Record& record)
{
    show_step(ctx, record, "removing nodes");
    const rpc::Uuid uuid = record.domain.uuid;
    auto removed = co_await remove_nodes(ctx, record);
    if (!removed)
        co_return removed.error();
    decide_retry(ctx, record);
    Outcome<Unit> written = Unit{};
    const bool restart = record.instance.after_end == AfterEnd::restart;
    if (restart)
        written = co_await commit_restart(ctx, record);
    if (written && (!restart || record.instance.phase == Phase::ending))
        written = co_await commit_stop(ctx, record);
    if (!written)
        co_return written.error();
    if (Record* left = ctx.book.find(uuid)) {
        left->clean = true;
        left->released = left->followed = false;
        left->failure.reset();
        left->waits.clear();
    }
    co_return Unit{};
}

} // namespace zocalo::toolstack
