// SPDX-License-Identifier: Apache-2.0
// What XenDevices shows: its devices with the states of both ends, and what is left on the host.
#include "toolstackd/device/xen_devices.hpp"
#include "toolstackd/sys/deadline.hpp"
#include "toolstackd/sys/link.hpp"
#include "toolstackd/xenstore/node_value.hpp"

#include <set>

namespace zocalo::toolstack {
namespace {

using namespace std::chrono_literals;

// The values of some nodes; missing ones are nullopt.
Answer<std::vector<std::optional<std::string>>>
read_all(Store& store, std::vector<std::string> paths)
{
    std::vector<std::optional<std::string>> values;
    for (const std::string& path : paths) {
        auto value = co_await store.read(path);
        if (!value)
            co_return value.error();
        values.push_back(std::move(*value));
    }
    co_return values;
}

} // namespace

Answer<std::vector<rpc::DiskView>> XenDevices::disks(const DeviceOwner& owner_ref)
{
    std::vector<std::shared_ptr<Session>> sessions;
    if (const auto found = domains_.find(owner_ref.uuid); found != domains_.end())
        for (const auto& [key, session] : found->second.sessions)
            if (key.kind == DeviceKind::disk)
                sessions.push_back(session);
    std::vector<rpc::DiskView> views;
    for (const auto& session : sessions) {
        const auto& disk = std::get<rpc::DiskConfig>(session->config());
        const DevicePaths& paths = session->paths();
        std::vector<std::string> wanted{
            paths.backend + "/state",
            paths.frontend + "/state",
            paths.frontend + "/event-channel",
            paths.frontend + "/ring-ref"};
        auto values = co_await read_all(store_, std::move(wanted));
        if (!values)
            co_return values.error();
        rpc::DiskView view;
        view.devid = disk.devid.value_or(0);
        view.vdev = disk.vdev;
        view.target = disk.target;
        view.format = disk.format;
        view.readonly = disk.readonly;
        view.cdrom = disk.cdrom;
        view.backend_state = state_word((*values)[0]);
        view.frontend_state = state_word((*values)[1]);
        view.backend_path = paths.backend;
        view.event_channel = node_number((*values)[2]);
        view.ring_ref = node_number((*values)[3]);
        views.push_back(std::move(view));
    }
    co_return views;
}

Answer<std::vector<rpc::NicView>> XenDevices::nics(const DeviceOwner& owner_ref)
{
    std::vector<std::shared_ptr<Session>> sessions;
    if (const auto found = domains_.find(owner_ref.uuid); found != domains_.end())
        for (const auto& [key, session] : found->second.sessions)
            if (key.kind == DeviceKind::nic)
                sessions.push_back(session);
    std::vector<rpc::NicView> views;
    for (const auto& session : sessions) {
        const auto& nic = std::get<rpc::NicConfig>(session->config());
        const DevicePaths& paths = session->paths();
        std::vector<std::string> wanted{
            paths.backend + "/state",
            paths.frontend + "/state",
            paths.frontend + "/event-channel-tx",
            paths.frontend + "/event-channel-rx",
            paths.frontend + "/tx-ring-ref",
            paths.frontend + "/rx-ring-ref",
            paths.frontend + "/event-channel"};
        auto values = co_await read_all(store_, std::move(wanted));
        if (!values)
            co_return values.error();
        rpc::NicView view;
        view.devid = nic.devid.value_or(0);
        view.mac = nic.mac;
        view.bridge = nic.bridge;
        view.vifname = device_name(session->owner().domid, session->config());
        view.mtu = nic.mtu.value_or(1500);
        view.backend_state = state_word((*values)[0]);
        view.frontend_state = state_word((*values)[1]);
        view.backend_path = paths.backend;
        // A frontend that splits its channels has two; any other has one for both directions.
        view.tx_event_channel = node_number((*values)[2] ? (*values)[2] : (*values)[6]);
        view.rx_event_channel = node_number((*values)[3] ? (*values)[3] : (*values)[6]);
        view.tx_ring_ref = node_number((*values)[4]);
        view.rx_ring_ref = node_number((*values)[5]);
        views.push_back(std::move(view));
    }
    co_return views;
}

// The domids below `root` that have device directories of ours.
Answer<Unit>
XenDevices::find_domids(const std::string& root, bool backends, std::vector<DomId>& found)
{
    auto names = co_await store_.list(root);
    if (!names)
        co_return names.error();
    for (const std::string& name : *names) {
        const std::int64_t domid = node_number(name);
        if (domid <= 0 || domid >= kFirstReservedDomId)
            continue;
        bool ours = backends;
        for (const DeviceKind kind : {DeviceKind::disk, DeviceKind::nic}) {
            if (ours)
                break;
            const std::string directory = root + "/" + name + "/device/" + frontend_kind(kind);
            auto devices = co_await store_.list(directory);
            if (!devices)
                co_return devices.error();
            for (const std::string& device : *devices) {
                auto backend = co_await store_.read(directory + "/" + device + "/backend");
                if (!backend)
                    co_return backend.error();
                const std::string mark = std::string("/backend/") + backend_kind(kind) + "/";
                ours = ours || (*backend && (*backend)->find(mark) != std::string::npos);
            }
        }
        const DomId id{static_cast<std::uint16_t>(domid)};
        if (ours && std::find(found.begin(), found.end(), id) == found.end())
            found.push_back(id);
    }
    co_return Unit{};
}

Answer<DeviceRemains> XenDevices::survey()
{
    DeviceRemains remains;
    using Processes = std::vector<DeviceRemains::Process>;
    std::function<Outcome<Processes>()> work = [launcher = launcher_] { return launcher->find(); };
    auto processes =
        co_await within<Processes>(executor_, pool_, 10s, "looking for backends", std::move(work));
    if (!processes)
        co_return processes.error();
    remains.processes = std::move(*processes);
    std::function<Outcome<std::vector<std::string>>()> links =
        []() -> Outcome<std::vector<std::string>> {
        Netlink netlink = TRY(Netlink::open());
        std::vector<std::string> names;
        for (const Link& link : TRY(list_links(netlink, "vif")))
            names.push_back(link.name);
        return names;
    };
    auto taps = co_await within<std::vector<std::string>>(
        executor_, pool_, 10s, "listing taps", std::move(links)
    );
    if (!taps)
        co_return taps.error();
    remains.taps = std::move(*taps);
    auto done = co_await find_domids("/local/domain", false, remains.frontends);
    for (const DeviceKind kind : {DeviceKind::disk, DeviceKind::nic})
        if (done)
            done = co_await find_domids(
                std::string("/local/domain/0/zocalo/backend/") + backend_kind(kind),
                true,
                remains.backends
            );
    if (!done)
        co_return done.error();
    co_return remains;
}

} // namespace zocalo::toolstack
