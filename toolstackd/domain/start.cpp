// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/start.hpp"

#include "toolstackd/domain/end.hpp"
#include "toolstackd/domain/ops.hpp"
#include "toolstackd/domain/reservation.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

OpRow start_op(Context& ctx, const Record& record)
{
    for (const OpRow& op : ctx.book.active(rpc::text(record.domain.uuid)))
        if (op.verb == "create" || op.verb == "start")
            return op;
    return {};
}

Answer<Unit> promise_memory(Context& ctx, const Record& record)
{
    if (ctx.promised_kib.contains(record.domain.uuid))
        co_return Unit{};
    const auto guard = co_await ctx.reserving.acquire();
    const std::uint64_t need = memory_need_kib(record.domain.config);
    auto enough = co_await check_memory(ctx, need);
    if (!enough)
        co_return enough.error();
    ctx.promised_kib[record.domain.uuid] = need;
    co_return Unit{};
}

Answer<Unit> make_domain(Context& ctx, Record& record)
{
    show_step(ctx, record, "creating the domain");
    failpoint("hv.create:before");
    auto domid = co_await ctx.hv.create(record.domain.uuid, record.domain.config);
    failpoint("hv.create:after");
    if (!domid)
        co_return domid.error();
    Batch batch;
    InstanceRow instance = record.instance;
    instance.domid = domid->value;
    instance.phase = Phase::building;
    instance.started_ms = ctx.clock.now_ms();
    batch.instances.push_back(std::move(instance));
    if (OpRow op = start_op(ctx, record); op.id != 0) {
        op.state = rpc::OpState::running;
        op.boot_seq = record.instance.boot_seq;
        batch.ops.push_back(std::move(op));
    }
    auto written = co_await ctx.commit_for_this_boot(std::move(batch));
    // Not recorded means not ours to find by domid: the handle still tells what to throw away.
    if (!written)
        record.clean = false;
    co_return written;
}

Answer<Unit> wire_domain(Context& ctx, Record& record, const Wiring& wiring)
{
    show_step(ctx, record, "preparing devices");
    const DeviceOwner owner = record.owner();
    failpoint("devices.prepare:before");
    auto nodes = co_await ctx.devices.prepare(owner, configs_of(record.devices));
    failpoint("devices.prepare:after");
    if (!nodes)
        co_return nodes.error();
    show_step(ctx, record, "writing xenstore");
    auto changes = domain_tree(
        record.domain.uuid, record.domid(), record.domain.config, wiring, ctx.clock.now_ms()
    );
    std::ranges::move(*nodes, std::back_inserter(changes));
    failpoint("store.commit:before");
    auto committed = co_await ctx.store.commit(std::move(changes), {});
    failpoint("store.commit:after");
    if (!committed)
        co_return committed.error();
    failpoint("store.introduce:before");
    auto introduced =
        co_await ctx.store.introduce(record.domid(), wiring.store_frame, wiring.store_port);
    failpoint("store.introduce:after");
    co_return introduced;
}

Answer<Unit>
serve(Context& ctx, Record& record, const Wiring& wiring, std::vector<DeviceConfig> devices)
{
    if (wiring.console_frame != 0) { // else adopted: xenconsoled holds its ring
        failpoint("console.open:before");
        auto opened = co_await ctx.consoles.open(
            record.domain.uuid,
            record.domain.name,
            record.domid(),
            wiring.console_frame,
            wiring.console_port
        );
        failpoint("console.open:after");
        if (!opened)
            co_return opened.error();
    }
    if (const auto channels = record.domain.config.channels;
        !channels.empty() && wiring.console_frame != 0) {
        failpoint("channels.follow:before");
        auto served =
            co_await ctx.consoles.follow_channels(record.domain.uuid, record.domid(), channels);
        failpoint("channels.follow:after");
        if (!served)
            co_return served.error();
    }
    const DeviceOwner owner = record.owner();
    failpoint("devices.follow:before");
    auto followed = co_await ctx.devices.follow(owner, std::move(devices));
    failpoint("devices.follow:after");
    co_return followed;
}

// What to follow after a restart: not what an attach has yet to make, nor what a detach has
// removed; their operations take care of those.
Answer<std::vector<DeviceConfig>> devices_with_nodes(Context& ctx, const Record& record)
{
    const std::vector<DeviceRow> rows = record.devices;
    std::vector<DeviceConfig> there;
    for (const DeviceRow& row : rows) {
        if (row.state == DeviceState::attaching)
            continue;
        if (row.state == DeviceState::releasing) {
            auto nodes = co_await ctx.store.list(frontend_path(record.domid(), ref_of(row)));
            if (!nodes)
                co_return nodes.error();
            if (nodes->empty())
                continue;
        }
        there.push_back(row.config);
    }
    co_return there;
}

Answer<Unit> commit_built(Context& ctx, Record& record, const Wiring& wiring)
{
    Batch batch;
    InstanceRow instance = record.instance;
    instance.phase = Phase::built;
    instance.store_frame = wiring.store_frame;
    instance.console_frame = wiring.console_frame;
    instance.store_port = wiring.store_port.value;
    instance.console_port = wiring.console_port.value;
    batch.instances.push_back(std::move(instance));
    for (ResourceRow row : record.resources) {
        row.state = ResourceState::live;
        batch.resources.push_back(std::move(row));
    }
    for (DeviceRow row : record.devices) {
        row.state = DeviceState::live;
        batch.devices.push_back(std::move(row));
    }
    batch.consoles.push_back({record.domain.uuid, record.domain.name, record.instance.started_ms});
    co_return co_await ctx.commit_for_this_boot(std::move(batch));
}

bool cancel_asked(Context& ctx, const Record& record)
{
    for (const OpRow& op : ctx.book.active(rpc::text(record.domain.uuid)))
        if (op.verb == "destroy" || ctx.cancels.contains(op.id))
            return true;
    return false;
}

Answer<Unit> build_all(Context& ctx, Record& record)
{
    const Error stopped{Code::failed, "cancelled on request", {}};
    auto enough = co_await promise_memory(ctx, record);
    if (!enough)
        co_return enough.error();
    auto made = co_await make_domain(ctx, record);
    if (!made)
        co_return made.error();
    if (cancel_asked(ctx, record))
        co_return stopped;
    show_step(ctx, record, "loading the kernel");
    failpoint("hv.build:before");
    auto wiring = co_await ctx.hv.build(record.domid(), record.domain.config);
    failpoint("hv.build:after");
    if (!wiring)
        co_return wiring.error();
    if (cancel_asked(ctx, record))
        co_return stopped;
    auto wired = co_await wire_domain(ctx, record, *wiring);
    if (!wired)
        co_return wired.error();
    auto served = co_await serve(ctx, record, *wiring, configs_of(record.devices));
    if (!served)
        co_return served.error();
    if (cancel_asked(ctx, record))
        co_return stopped;
    co_return co_await commit_built(ctx, record, *wiring);
}

} // namespace

Answer<Unit> begin_start(Context& ctx, Record& record, std::uint64_t id)
{
    const OpRow* found = ctx.book.op(id);
    if (found == nullptr)
        co_return Unit{};
    OpRow op = *found;
    const auto guard = co_await ctx.reserving.acquire();
    Batch batch;
    DomainRow domain = record.domain;
    const bool* paused = op.args.contains("paused") ? op.args["paused"].if_bool() : nullptr;
    InstanceRow instance = record.instance;
    instance.start_paused = paused && *paused;
    domain.desired = instance.start_paused ? Desired::paused : Desired::running;
    domain.reason.clear();
    auto promised = co_await promise_start(ctx, batch, domain, std::move(instance));
    if (promised) {
        op.state = rpc::OpState::running;
        batch.ops.push_back(op);
        batch.domains.push_back(domain);
        auto written = co_await ctx.commit_for_this_boot(std::move(batch));
        if (!written)
            ctx.promised_kib.erase(record.domain.uuid);
        co_return written;
    }
    Batch refusal;
    finish_op(ctx, refusal, op, promised);
    co_return co_await ctx.commit_for_this_boot(std::move(refusal));
}

Answer<Unit> discard(Context& ctx, Record& record, const Observation& seen)
{
    show_step(ctx, record, "clearing an interrupted start");
    std::vector<LiveDomain> halves = seen.strays;
    if (seen.domain)
        halves.push_back(*seen.domain);
    for (const LiveDomain& half : halves)
        if (!half.dying) {
            auto destroyed = co_await destroy_in_xen(ctx, half.domid);
            if (!destroyed)
                co_return destroyed.error();
        }
    auto released = co_await release_objects(ctx, record);
    if (!released)
        co_return released.error();
    if (!halves.empty()) { // not gone yet: look again
        co_return co_await ctx.sleep(ctx.settings.gone_poll_first_ms);
    }
    auto removed = co_await remove_nodes(ctx, record);
    if (!removed)
        co_return removed.error();
    if (record.instance.phase != Phase::starting || record.instance.domid >= 0) {
        Batch batch;
        InstanceRow instance = record.instance;
        instance.phase = Phase::starting;
        instance.domid = -1;
        batch.instances.push_back(std::move(instance));
        auto written = co_await ctx.commit_for_this_boot(std::move(batch));
        if (!written)
            co_return written.error();
    }
    record.clean = true;
    record.released = false;
    co_return Unit{};
}

Answer<Unit> build(Context& ctx, Record& record)
{
    record.released = false;
    auto built = co_await build_all(ctx, record);
    if (built) {
        record.followed = true;
        co_return Unit{};
    }
    // Only in memory: after a kill the rows still say "not built", and it is built again.
    record.failure = built.error();
    record.instance.phase = Phase::ending;
    record.instance.after_end = AfterEnd::stop;
    record.clean = false;
    co_return Unit{};
}

Answer<Unit> unpause(Context& ctx, Record& record)
{
    show_step(ctx, record, "starting the vCPUs");
    failpoint("hv.unpause:before");
    auto done = co_await ctx.hv.unpause(record.domid());
    failpoint("hv.unpause:after");
    if (!done)
        co_return done.error();
    co_return co_await confirm(ctx, record);
}

Answer<Unit> confirm(Context& ctx, Record& record)
{
    Batch batch;
    InstanceRow instance = record.instance;
    instance.phase = Phase::running;
    DomainRow domain = record.domain;
    if (!domain.reason.empty()) {
        domain.reason.clear();
        batch.domains.push_back(domain);
    }
    batch.instances.push_back(instance);
    boost::json::object body{{"domid", instance.domid}, {"boot_seq", instance.boot_seq}};
    batch.events.push_back(
        event_of(ctx, record, instance.start_paused ? "domain.paused" : "domain.running", body)
    );
    if (OpRow op = start_op(ctx, record); op.id != 0) {
        op.result["domid"] = instance.domid;
        finish_op(ctx, batch, std::move(op), Unit{});
    }
    auto written = co_await ctx.commit_for_this_boot(std::move(batch));
    if (written)
        ctx.promised_kib.erase(record.domain.uuid);
    co_return written;
}

Answer<Unit> follow(Context& ctx, Record& record)
{
    Wiring wiring;
    wiring.console_frame = record.instance.console_frame;
    wiring.console_port = EventPort{record.instance.console_port};
    auto devices = co_await devices_with_nodes(ctx, record);
    Outcome<Unit> served = Unit{};
    if (devices)
        served = co_await serve(ctx, record, wiring, std::move(devices).value());
    else
        served = devices.error();
    if (served) {
        record.followed = true;
        record.follow_again_ms = 0;
        co_return Unit{};
    }
    // The guest runs on and other operations go on; this is tried again, and told once.
    const bool told = record.follow_again_ms != 0;
    record.follow_again_ms = ctx.clock.now_ms() + ctx.settings.retry_longest_ms;
    if (told)
        co_return Unit{};
    Batch batch;
    boost::json::object body{{"error", describe(served.error())}};
    batch.events.push_back(event_of(ctx, record, "domain.degraded", body));
    co_return co_await ctx.commit_for_this_boot(std::move(batch));
}

} // namespace zocalo::toolstack
