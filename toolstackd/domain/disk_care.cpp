// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/disk_care.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/hotplug_find.hpp"
#include "toolstackd/domain/reservation.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <algorithm>

namespace zocalo::toolstack {

namespace {

bool same_group(const rpc::DiskConfig& disk, const rpc::LimitConfig& limits)
{
    return !limits.group.empty() && disk.limits.group == limits.group;
}

// A disk that joins a group and says no more takes the group's limit.
rpc::LimitConfig joined(const rpc::DomainConfig& config, const rpc::LimitConfig& asked)
{
    rpc::LimitConfig only_named;
    only_named.group = asked.group;
    if (asked.group.empty() || asked != only_named)
        return asked;
    const auto member = std::ranges::find(config.disks, asked.group, [](const auto& disk) {
        return disk.limits.group;
    });
    return member == config.disks.end() ? asked : member->limits;
}

// In the process, for the disk `devid` and for the others of its group, so that each tells a
// process that replaces this one the same.
Answer<Unit> limit_running(
    Context& ctx,
    const Record& record,
    std::uint32_t devid,
    const rpc::LimitConfig& limits_ref,
    Batch& batch
)
{
    const rpc::LimitConfig limits = limits_ref;
    const DeviceOwner owner = record.owner();
    const std::vector<DeviceRow> rows = record.devices;
    for (DeviceRow row : rows) {
        auto* disk = std::get_if<rpc::DiskConfig>(&row.config);
        if (disk == nullptr || (disk->devid != devid && !same_group(*disk, limits)))
            continue;
        failpoint("devices.limits:before");
        auto done = co_await ctx.devices.set_limits(owner, key_of(row), limits);
        failpoint("devices.limits:after");
        if (!done)
            co_return done;
        disk->limits = limits;
        batch.devices.push_back(std::move(row));
    }
    co_return Unit{};
}

Answer<Unit> swap_medium(
    Context& ctx, Record& record, DeviceRow row, const rpc::DiskConfig& disk_ref, Batch& batch
)
{
    const rpc::DiskConfig disk = disk_ref;
    const auto old = resources_of(record, row);
    std::vector<ResourceRow> promised;
    {
        const auto guard = co_await ctx.reserving.acquire();
        auto rows = disk_rows(ctx, record.domain.uuid, {disk});
        if (!rows)
            co_return rows.error();
        promised = std::move(*rows);
        Batch promise;
        promise.resources = promised;
        auto written = co_await ctx.commit(std::move(promise));
        if (!written)
            co_return written;
    }
    const DeviceOwner owner = record.owner();
    failpoint("devices.medium:before");
    auto done = co_await ctx.devices.change_medium(owner, disk);
    failpoint("devices.medium:after");
    const auto is_promised = [&](const ResourceRow& r) {
        return std::ranges::any_of(promised, [&](const ResourceRow& p) { return p.key == r.key; });
    };
    if (!done) {
        Batch undo;
        for (const ResourceRow& resource : promised)
            if (std::ranges::none_of(old, [&](const auto& o) { return o.key == resource.key; }))
                undo.dropped_resources.push_back(resource);
        auto undone = co_await ctx.commit(std::move(undo));
        co_return undone ? done : undone;
    }
    for (ResourceRow& resource : promised) {
        resource.state = ResourceState::live;
        batch.resources.push_back(resource);
    }
    for (const ResourceRow& resource : old)
        if (!is_promised(resource))
            batch.dropped_resources.push_back(resource);
    row.config = disk;
    batch.devices.push_back(std::move(row));
    co_return Unit{};
}

} // namespace

Answer<bool> set_disk_limits(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::LimitsBody>(op.args, "");
    if (!body)
        co_return body.error();
    const auto wanted = find_in_config(record.domain.config, true, body->device);
    if (!wanted)
        co_return wanted.error();
    const rpc::LimitConfig limits = joined(record.domain.config, body->limits);
    if (record.instance.phase == Phase::running) {
        auto found = find_device(record, true, body->device);
        if (!found)
            co_return found.error();
        auto done = co_await limit_running(ctx, record, wanted->devid, limits, batch);
        if (!done)
            co_return done.error();
    }
    DomainRow domain = record.domain;
    for (rpc::DiskConfig& disk : domain.config.disks)
        if (disk.devid == wanted->devid || same_group(disk, limits))
            disk.limits = limits;
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    batch.events.push_back(event_of(ctx, record, "domain.config"));
    co_return true;
}

// The new medium is promised durably before it is opened; the old one is let go by `batch`.
Answer<bool> change_medium(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::MediumBody>(op.args, "");
    if (!body)
        co_return body.error();
    const auto wanted = find_in_config(record.domain.config, true, body->device);
    if (!wanted)
        co_return wanted.error();
    DomainRow domain = record.domain;
    const auto disk = std::ranges::find(domain.config.disks, wanted->devid, [](const auto& d) {
        return d.devid.value_or(0);
    });
    if (disk == domain.config.disks.end() || !disk->cdrom)
        co_return Error{Code::usage, "disk " + body->device + " is no CD drive", {}};
    if (!body->target.empty() && !body->target.starts_with('/'))
        co_return Error{Code::usage, "target must be an absolute path", {}};
    disk->target = body->target;
    const rpc::DiskConfig changed = *disk;
    if (record.instance.phase == Phase::running) {
        auto found = find_device(record, true, body->device);
        if (!found)
            co_return found.error();
        DeviceRow row = **found;
        auto done = co_await swap_medium(ctx, record, row, changed, batch);
        if (!done)
            co_return done.error();
    }
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    boost::json::object what{{"devid", wanted->devid}, {"target", body->target}};
    batch.events.push_back(event_of(ctx, record, "device.medium", what));
    co_return true;
}

Answer<bool> measure_disk(Context& ctx, Record& record, OpRow& op, Batch&)
{
    auto body = rpc::from_json<rpc::MeasureBody>(op.args, "");
    if (!body)
        co_return body.error();
    if (record.instance.phase != Phase::running)
        co_return Error{Code::conflict, "the domain does not run", "its next start sees the size"};
    auto found = find_device(record, true, body->device);
    if (!found)
        co_return found.error();
    const DeviceKey key = key_of(**found);
    const DeviceOwner owner = record.owner();
    auto done = co_await ctx.devices.measure(owner, key);
    if (!done)
        co_return done.error();
    co_return true;
}

} // namespace zocalo::toolstack
