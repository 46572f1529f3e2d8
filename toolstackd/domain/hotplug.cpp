// SPDX-License-Identifier: Apache-2.0
// Hot-plug: disks and interfaces that come and go while the guest runs. Attaching is finished
// forward after a kill, and rolled back only when the guest never connected; what waits for the
// guest waits beside the actor, so that the domain can still be destroyed meanwhile.
#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/hotplug_find.hpp"
#include "toolstackd/domain/ops.hpp"
#include "toolstackd/domain/reservation.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <algorithm>
#include <charconv>

namespace zocalo::toolstack {
namespace {

using std::chrono::milliseconds;

milliseconds time_left(Context& ctx, const OpRow& op)
{
    return milliseconds(std::max<std::int64_t>(op.deadline_ms - ctx.clock.now_ms(), 0));
}

void keep_outcome(Context& ctx, const rpc::Uuid& uuid, std::uint64_t id, Outcome<Unit> outcome)
{
    Record* record = ctx.book.find(uuid);
    if (record == nullptr || !record->waits.contains(id))
        return; // the instance ended meanwhile
    record->waits[id] = std::move(outcome);
    ctx.mark_dirty(uuid);
}

boost::asio::awaitable<void>
wait_connected(Context& ctx, rpc::Uuid uuid, std::uint64_t id, DeviceKey key, milliseconds limit)
{
    auto outcome = co_await ctx.devices.wait_connected(uuid, key, limit);
    keep_outcome(ctx, uuid, id, std::move(outcome));
}

boost::asio::awaitable<void> wait_detached(
    Context& ctx, DeviceOwner owner, std::uint64_t id, DeviceKey key, bool force, milliseconds limit
)
{
    failpoint("devices.detach:before");
    auto outcome = co_await ctx.devices.detach(owner, key, force, limit);
    failpoint("devices.detach:after");
    if (!outcome && outcome.error().code == Code::not_found)
        outcome = Unit{};
    keep_outcome(ctx, owner.uuid, id, std::move(outcome));
}

// An adopted domain has devices that are in no row of ours.
Answer<std::set<std::uint32_t>> others_devices(Context& ctx, const Record& record, const OpRow& op)
{
    std::set<std::uint32_t> numbers;
    if (record.instance.console_frame != 0)
        co_return numbers;
    const char* kind = op.verb.starts_with("block") ? "/device/vbd" : "/device/vif";
    auto names = co_await ctx.store.list(domain_path(record.domid()) + kind);
    if (!names)
        co_return names.error();
    for (const std::string& name : *names) {
        std::uint32_t number{};
        const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (failed == std::errc{} && end == name.data() + name.size())
            numbers.insert(number);
    }
    co_return numbers;
}

Answer<Unit> begin_attach(Context& ctx, Record& record, OpRow& op)
{
    const auto guard = co_await ctx.reserving.acquire();
    auto others = co_await others_devices(ctx, record, op);
    if (!others)
        co_return others.error();
    auto device = choose_device(record, op, *others);
    if (!device)
        co_return device.error();
    Batch batch;
    DeviceRow row{record.domain.uuid, *device, DeviceState::attaching};
    if (auto* disk = std::get_if<rpc::DiskConfig>(&row.config)) {
        auto rows = disk_rows(ctx, record.domain.uuid, {*disk});
        if (!rows)
            co_return rows.error();
        batch.resources = std::move(rows).value();
    } else {
        std::vector<rpc::NicConfig> nics{std::get<rpc::NicConfig>(row.config)};
        if (has_mac(record, nics.front().mac))
            co_return Error{
                Code::conflict,
                "the domain has a network interface with the address " + nics.front().mac,
                "give another mac=, or none"};
        auto rows = mac_rows(ctx, record.domain.uuid, nics);
        if (!rows)
            co_return rows.error();
        batch.resources = std::move(rows).value();
        row.config = nics.front();
    }
    op.result["devid"] = ref_of(row).devid;
    op.deadline_ms = ctx.clock.now_ms() + ctx.settings.connect_limit_ms;
    op.state = rpc::OpState::running;
    op.step = "waiting for the guest to connect";
    batch.devices.push_back(std::move(row));
    batch.ops.push_back(op);
    co_return co_await ctx.commit(std::move(batch));
}

Answer<Unit> plug_in(Context& ctx, Record& record, const DeviceRow& row)
{
    const DeviceOwner owner = record.owner();
    std::vector<DeviceConfig> configs{row.config};
    failpoint("devices.prepare:before");
    auto nodes = co_await ctx.devices.prepare(owner, configs);
    failpoint("devices.prepare:after");
    if (!nodes)
        co_return nodes.error();
    const std::string frontend = frontend_path(record.domid(), ref_of(row));
    std::vector<StoreGuard> guards{
        owner_guard(record.domain.uuid, record.domid()), {.path = frontend, .absent = true}};
    failpoint("store.attach:before");
    auto written = co_await ctx.store.commit(std::move(nodes).value(), std::move(guards));
    failpoint("store.attach:after");
    if (!written && written.error().code == Code::conflict) {
        // Written before a kill: the ends may be connected already and must not be reset.
        auto there = co_await ctx.store.list(frontend);
        if (!there || there->empty())
            co_return written.error();
    } else if (!written) {
        co_return written.error();
    }
    failpoint("devices.follow:before");
    auto followed = co_await ctx.devices.follow(owner, configs);
    failpoint("devices.follow:after");
    co_return followed;
}

Answer<bool> attach(Context& ctx, Record& record, OpRow& op)
{
    if (op.deadline_ms == 0) {
        auto begun = co_await begin_attach(ctx, record, op);
        if (!begun)
            co_return begun.error();
    }
    const DeviceRow* row = device_of(record, op);
    if (row == nullptr)
        co_return Error{Code::failed, "the device was removed meanwhile", {}};
    const DeviceRow device = *row;
    auto plugged = co_await plug_in(ctx, record, device);
    if (!plugged) {
        record.waits[op.id] = plugged;
        co_return false;
    }
    record.waits[op.id] = std::nullopt;
    ctx.tasks.spawn(
        "attach", wait_connected(ctx, record.domain.uuid, op.id, key_of(device), time_left(ctx, op))
    );
    co_return false;
}

Answer<bool> detach(Context& ctx, Record& record, OpRow& op)
{
    auto body = rpc::from_json<rpc::DetachBody>(op.args, "");
    if (!body)
        co_return body.error();
    if (op.deadline_ms == 0) {
        auto found = find_device(record, op.verb == "block-detach", body->device);
        if (!found && record.instance.console_frame == 0)
            co_return Error{
                Code::unsupported,
                "the domain has no such device of ours; those it had when it was adopted are its "
                "first toolstack's",
                "detach them with that one (`xl block-detach`, `xl network-detach`)"};
        if (!found)
            co_return found.error();
        Batch batch;
        DeviceRow row = **found;
        row.state = DeviceState::releasing;
        op.result["devid"] = ref_of(row).devid;
        op.deadline_ms = ctx.clock.now_ms() + ctx.settings.detach_limit_ms;
        op.state = rpc::OpState::running;
        op.step = "waiting for the guest to let go";
        batch.devices.push_back(std::move(row));
        batch.ops.push_back(op);
        auto written = co_await ctx.commit(std::move(batch));
        if (!written)
            co_return written.error();
    }
    const DeviceRow* row = device_of(record, op);
    record.waits[op.id] = std::nullopt;
    if (row == nullptr) {
        record.waits[op.id] = Outcome<Unit>(Unit{});
        co_return false;
    }
    const DeviceOwner owner = record.owner();
    ctx.tasks.spawn(
        "detach", wait_detached(ctx, owner, op.id, key_of(*row), body->force, time_left(ctx, op))
    );
    co_return false;
}

Answer<Unit> remove_device_nodes(Context& ctx, Record& record, const DeviceRow& row)
{
    const DeviceOwner owner = record.owner();
    std::vector<StoreGuard> guards{owner_guard(record.domain.uuid, record.domid())};
    auto changes = ctx.devices.nodes_to_remove(owner, key_of(row));
    failpoint("store.detach:before");
    auto removed = co_await ctx.store.commit(std::move(changes), std::move(guards));
    failpoint("store.detach:after");
    co_return removed;
}

// The device's rows go, and the configuration's entry with them.
void drop_device(Batch& batch, const Record& record, const DeviceRow& row)
{
    batch.dropped_devices.push_back(ref_of(row));
    for (ResourceRow& resource : resources_of(record, row))
        batch.dropped_resources.push_back(std::move(resource));
}

Answer<Unit>
roll_back(Context& ctx, Record& record, const OpRow& op, const DeviceRow& row, const Error& failure)
{
    const DeviceOwner owner = record.owner();
    failpoint("devices.undo:before");
    auto undone = co_await ctx.devices.detach(
        owner, key_of(row), true, milliseconds(ctx.settings.detach_limit_ms)
    );
    failpoint("devices.undo:after");
    if (!undone && undone.error().code == Code::unreachable)
        co_return undone.error();
    auto removed = co_await remove_device_nodes(ctx, record, row);
    if (!removed)
        co_return removed.error();
    Batch batch;
    drop_device(batch, record, row);
    Outcome<Unit> outcome = failure;
    finish_op(ctx, batch, op, outcome);
    co_return co_await ctx.commit(std::move(batch));
}

Answer<Unit> finish_attach(Context& ctx, Record& record, const OpRow& op, DeviceRow row)
{
    Batch batch;
    for (ResourceRow& resource : resources_of(record, row)) {
        resource.state = ResourceState::live;
        batch.resources.push_back(std::move(resource));
    }
    DomainRow domain = record.domain;
    add_to_config(domain.config, row.config);
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    row.state = DeviceState::live;
    boost::json::object body{{"devid", ref_of(row).devid}};
    batch.events.push_back(event_of(ctx, record, "device.attached", body));
    batch.devices.push_back(std::move(row));
    finish_op(ctx, batch, op, Unit{});
    co_return co_await ctx.commit(std::move(batch));
}

Answer<Unit> finish_detach(Context& ctx, Record& record, const OpRow& op, const DeviceRow& row)
{
    auto removed = co_await remove_device_nodes(ctx, record, row);
    if (!removed)
        co_return removed.error();
    Batch batch;
    drop_device(batch, record, row);
    DomainRow domain = record.domain;
    remove_from_config(domain.config, ref_of(row));
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    boost::json::object body{{"devid", ref_of(row).devid}};
    batch.events.push_back(event_of(ctx, record, "device.detached", body));
    finish_op(ctx, batch, op, Unit{});
    co_return co_await ctx.commit(std::move(batch));
}

// A stopped domain: only its configuration changes.
Answer<bool> plug_config(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    const auto guard = co_await ctx.reserving.acquire();
    DomainRow domain = record.domain;
    if (op.verb.ends_with("-attach")) {
        auto device = choose_device(record, op);
        if (!device)
            co_return device.error();
        if (auto* nic = std::get_if<rpc::NicConfig>(&*device)) {
            std::vector<rpc::NicConfig> nics{*nic};
            auto rows = mac_rows(ctx, record.domain.uuid, nics);
            if (!rows)
                co_return rows.error();
            batch.resources = std::move(rows).value();
            *nic = nics.front();
        }
        add_to_config(domain.config, *device);
    } else {
        auto body = rpc::from_json<rpc::DetachBody>(op.args, "");
        if (!body)
            co_return body.error();
        auto found = find_in_config(domain.config, op.verb == "block-detach", body->device);
        if (!found)
            co_return found.error();
        remove_from_config(domain.config, *found);
        for (const ResourceRow& row : record.resources)
            if (row.kind == "mac" && !config_has_mac(domain.config, row.key))
                batch.dropped_resources.push_back(row);
    }
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    batch.events.push_back(event_of(ctx, record, "domain.config"));
    co_return true;
}

} // namespace

Answer<bool> run_plug(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    if (record.instance.phase == Phase::none || record.instance.phase == Phase::queued)
        co_return co_await plug_config(ctx, record, op, batch);
    // What has begun is finished or rolled back, also when the guest has stopped since.
    if (record.instance.phase != Phase::running && op.deadline_ms == 0)
        co_return Error{Code::conflict, "the domain does not run", {}};
    if (op.verb.ends_with("-attach"))
        co_return co_await attach(ctx, record, op);
    co_return co_await detach(ctx, record, op);
}

Answer<Unit>
settle_plug(Context& ctx, Record& record, const OpRow& op, const std::optional<Error>& failure)
{
    const bool attaching = op.verb.ends_with("-attach");
    const DeviceRow* found = device_of(record, op);
    if (found == nullptr) {
        Batch batch;
        Outcome<Unit> outcome = Unit{};
        if (attaching)
            outcome = failure.value_or(Error{Code::failed, "the device was removed meanwhile", {}});
        finish_op(ctx, batch, op, outcome);
        co_return co_await ctx.commit(std::move(batch));
    }
    const DeviceRow row = *found;
    if (attaching && failure)
        co_return co_await roll_back(ctx, record, op, row, *failure);
    if (attaching)
        co_return co_await finish_attach(ctx, record, op, row);
    if (!failure)
        co_return co_await finish_detach(ctx, record, op, row);
    Batch batch; // the guest holds on; the device stays as it is
    Outcome<Unit> outcome =
        Error{failure->code, failure->what, "`--force` takes it away without asking the guest"};
    finish_op(ctx, batch, op, outcome);
    co_return co_await ctx.commit(std::move(batch));
}

} // namespace zocalo::toolstack
