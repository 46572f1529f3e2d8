// SPDX-License-Identifier: Apache-2.0
// What XenDevices does to devices that work: limits, a new look at their size, what they counted.
#include "toolstackd/device/image.hpp"
#include "toolstackd/device/xen_devices.hpp"
#include "toolstackd/sys/deadline.hpp"

namespace zocalo::toolstack {
namespace {

constexpr std::chrono::seconds kOpenLimit{30};

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

Answer<Unit> XenDevices::change_medium(const DeviceOwner& owner_ref, rpc::DiskConfig disk)
{
    const DeviceOwner owner = owner_ref;
    const auto session = session_of(owner.uuid, key_of(disk));
    if (!session)
        co_return no_such_device();
    using Files = std::shared_ptr<std::vector<UniqueFd>>;
    std::function<Outcome<Files>()> work = [disk]() -> Outcome<Files> {
        auto files = std::make_shared<std::vector<UniqueFd>>();
        if (!disk.target.empty())
            files->push_back(TRY(open_image(disk)));
        return files;
    };
    auto files = co_await within<Files>(
        executor_, pool_, kOpenLimit, "opening " + disk.target, std::move(work)
    );
    if (!files)
        co_return files.error();
    auto done =
        co_await session->backend()->change_medium(disk.devid.value_or(0), std::move(**files));
    // A process that died meanwhile is replaced by one that is told.
    if (!done && done.error().code != Code::unreachable)
        co_return done;
    session->keep_disk(disk);
    // What others read in xenstore; a guest that has gone meanwhile is somebody else's matter.
    std::vector<StoreChange> changes{
        {StoreChange::Kind::write, session->paths().backend + "/params", disk.target, {}},
        {StoreChange::Kind::write, session->paths().libxl + "/params", disk.target, {}}};
    std::vector<StoreGuard> guards{{.path = session->paths().backend + "/frontend"}};
    auto shown = co_await store_.commit(std::move(changes), std::move(guards));
    if (!shown && shown.error().code == Code::conflict)
        co_return Unit{};
    co_return shown;
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
