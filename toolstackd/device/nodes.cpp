// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/nodes.hpp"

#include "toolstackd/sys/tap.hpp"

#include <xen/io/xenbus.h>

namespace zocalo::toolstack {
namespace {

using Kind = StoreChange::Kind;

std::string number(std::uint64_t n)
{
    return std::to_string(n);
}

struct Entry {
    std::string key, value;
};
using Entries = std::vector<Entry>;

Entries disk_backend(const rpc::DiskConfig& disk)
{
    return {
        {"bootable", "1"},
        {"dev", disk.vdev},
        {"device-type", disk.cdrom ? "cdrom" : "disk"},
        {"format", disk.format},
        {"mode", disk.readonly ? "r" : "w"},
        {"params", disk.target},
        {"removable", disk.cdrom ? "1" : "0"},
        {"type", "phy"},
    };
}

Entries disk_frontend(const rpc::DiskConfig& disk)
{
    return {
        {"device-type", disk.cdrom ? "cdrom" : "disk"},
        {"trusted", disk.trusted ? "1" : "0"},
        {"virtual-device", number(disk.devid.value_or(0))},
    };
}

Entries nic_backend(const rpc::NicConfig& nic, const std::string& vifname)
{
    Entries entries{
        {"bridge", nic.bridge},
        {"handle", number(nic.devid.value_or(0))},
        {"mac", nic.mac},
        {"type", "vif"},
        {"vifname", vifname},
    };
    if (nic.mtu)
        entries.push_back({"mtu", number(*nic.mtu)});
    if (!nic.gatewaydev.empty())
        entries.push_back({"gatewaydev", nic.gatewaydev});
    return entries;
}

Entries nic_frontend(const rpc::NicConfig& nic)
{
    Entries entries{
        {"handle", number(nic.devid.value_or(0))},
        {"mac", nic.mac},
        {"trusted", nic.trusted ? "1" : "0"},
    };
    if (nic.mtu)
        entries.push_back({"mtu", number(*nic.mtu)});
    return entries;
}

void write_all(std::vector<StoreChange>& changes, const std::string& root, const Entries& entries)
{
    for (const Entry& entry : entries)
        changes.push_back({Kind::write, root + "/" + entry.key, entry.value, {}});
}

} // namespace

DeviceKey key_of(const DeviceConfig& config)
{
    if (const auto* disk = std::get_if<rpc::DiskConfig>(&config))
        return {DeviceKind::disk, disk->devid.value_or(0)};
    return {DeviceKind::nic, std::get<rpc::NicConfig>(config).devid.value_or(0)};
}

const char* frontend_kind(DeviceKind kind)
{
    return kind == DeviceKind::disk ? "vbd" : "vif";
}

const char* backend_kind(DeviceKind kind)
{
    return kind == DeviceKind::disk ? "zblk" : "znet";
}

std::string backend_directory(DomId domid, DeviceKind kind)
{
    return std::string("/local/domain/0/zocalo/backend/") + backend_kind(kind) + "/" +
           number(domid.value);
}

DevicePaths device_paths(DomId domid, DeviceKey device)
{
    const std::string tail =
        std::string("/device/") + frontend_kind(device.kind) + "/" + number(device.devid);
    return {
        "/local/domain/" + number(domid.value) + tail,
        backend_directory(domid, device.kind) + "/" + number(device.devid),
        "/libxl/" + number(domid.value) + tail};
}

std::vector<StoreChange> device_nodes(
    const DeviceOwner& owner,
    const DeviceConfig& config,
    const std::string& vifname,
    const std::vector<backend::Node>& features
)
{
    const DevicePaths paths = device_paths(owner.domid, key_of(config));
    const std::string guest = number(owner.domid.value);
    const auto* disk = std::get_if<rpc::DiskConfig>(&config);
    const auto* nic = std::get_if<rpc::NicConfig>(&config);
    const Entries back = disk != nullptr ? disk_backend(*disk) : nic_backend(*nic, vifname);
    const Entries front = disk != nullptr ? disk_frontend(*disk) : nic_frontend(*nic);

    std::vector<StoreChange> changes;
    changes.push_back({Kind::mkdir, paths.frontend, {}, {"n" + guest, "r0"}});
    write_all(
        changes,
        paths.frontend,
        {{"backend", paths.backend},
         {"backend-id", "0"},
         {"state", number(XenbusStateInitialising)}}
    );
    write_all(changes, paths.frontend, front);
    changes.push_back({Kind::mkdir, paths.backend, {}, {"n0", "r" + guest}});
    write_all(
        changes,
        paths.backend,
        {{"frontend", paths.frontend}, {"frontend-id", guest}, {"online", "1"}}
    );
    write_all(changes, paths.backend, back);
    for (const backend::Node& node : features)
        changes.push_back({Kind::write, paths.backend + "/" + node.key, node.value, {}});
    changes.push_back({Kind::write, paths.backend + "/state", number(XenbusStateInitWait), {}});
    write_all(changes, paths.libxl, {{"frontend", paths.frontend}, {"backend", paths.backend}});
    write_all(changes, paths.libxl, back);
    return changes;
}

std::string device_name(DomId domid, const DeviceConfig& config)
{
    if (const auto* disk = std::get_if<rpc::DiskConfig>(&config))
        return disk->vdev;
    const auto& nic = std::get<rpc::NicConfig>(config);
    return nic.vifname.empty() ? tap_name(domid.value, nic.devid.value_or(0)) : nic.vifname;
}

} // namespace zocalo::toolstack
