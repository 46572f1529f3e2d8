// SPDX-License-Identifier: Apache-2.0
// What XenDevices does to devices that work: limits, a new look at their size, what they counted.
#include "toolstackd/device/xen_devices.hpp"

namespace zocalo::toolstack {
namespace {

Error no_such_device()
{
    return Error{Code::not_found, "the domain has no such device", {}};
}

} // namespace

Answer<Unit> XenDevices::set_limits(
    const DeviceOwner& owner, DeviceKey device, const rpc::LimitConfig& limits_ref
)
{
    const rpc::LimitConfig limits = limits_ref;
    const auto session = session_of(owner.uuid, device);
    if (!session)
        co_return no_such_device();
    auto done = co_await session->backend()->set_limits(device.devid, limits);
    // A process that died meanwhile is replaced by one that is told.
    if (done || done.error().code == Code::unreachable)
        session->keep_limits(limits);
    else
        co_return done;
    co_return Unit{};
}

Answer<Unit> XenDevices::measure(const DeviceOwner& owner, DeviceKey device)
{
    const auto session = session_of(owner.uuid, device);
    if (!session)
        co_return no_such_device();
    co_return co_await session->backend()->measure_disk(device.devid);
}

Answer<std::vector<rpc::DeviceStats>> XenDevices::stats(const DeviceOwner& owner)
{
    std::vector<std::shared_ptr<Session>> sessions;
    if (const auto found = domains_.find(owner.uuid); found != domains_.end())
        for (const auto& [key, session] : found->second.sessions)
            sessions.push_back(session);
    std::vector<rpc::DeviceStats> all;
    for (const auto& session : sessions) {
        const DeviceKey key = key_of(session->config());
        auto stats = co_await session->backend()->stats(key.devid);
        if (!stats)
            continue; // it is being replaced
        rpc::DeviceStats view;
        view.kind = key.kind == DeviceKind::disk ? "disk" : "nic";
        view.name = device_name(session->owner().domid, session->config());
        view.devid = key.devid;
        for (const backend::Counter& counter : stats->counters)
            view.counters[counter.name] = counter.value;
        all.push_back(std::move(view));
    }
    co_return all;
}

} // namespace zocalo::toolstack
