// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/disk_care.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/hotplug_find.hpp"
#include "toolstackd/sys/failpoint.hpp"

namespace zocalo::toolstack {

Answer<bool> set_disk_limits(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::LimitsBody>(op.args, "");
    if (!body)
        co_return body.error();
    const auto wanted = find_in_config(record.domain.config, true, body->device);
    if (!wanted)
        co_return wanted.error();
    if (record.instance.phase == Phase::running) {
        auto found = find_device(record, true, body->device);
        if (!found)
            co_return found.error();
        DeviceRow row = **found;
        const DeviceOwner owner = record.owner();
        failpoint("devices.limits:before");
        auto done = co_await ctx.devices.set_limits(owner, key_of(row), body->limits);
        failpoint("devices.limits:after");
        if (!done)
            co_return done.error();
        std::get<rpc::DiskConfig>(row.config).limits = body->limits;
        batch.devices.push_back(std::move(row));
    }
    DomainRow domain = record.domain;
    for (rpc::DiskConfig& disk : domain.config.disks)
        if (disk.devid == wanted->devid)
            disk.limits = body->limits;
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    batch.events.push_back(event_of(ctx, record, "domain.config"));
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
