// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/hotplug_find.hpp"

#include "common/rpc/json.hpp"

#include <algorithm>
#include <set>

namespace zocalo::toolstack {
namespace {

bool same(const DeviceRef& a, const DeviceRef& b)
{
    return a.disk == b.disk && a.devid == b.devid;
}

DeviceRef ref(const rpc::DiskConfig& disk)
{
    return {{}, true, disk.devid.value_or(0)};
}
DeviceRef ref(const rpc::NicConfig& nic)
{
    return {{}, false, nic.devid.value_or(0)};
}

std::set<std::uint32_t> taken_devids(const Record& record, bool disk)
{
    std::set<std::uint32_t> taken;
    for (const DeviceRow& row : record.devices)
        if (const DeviceRef device = ref_of(row); device.disk == disk)
            taken.insert(device.devid);
    for (const auto& config : record.domain.config.disks)
        if (disk)
            taken.insert(config.devid.value_or(0));
    for (const auto& config : record.domain.config.nics)
        if (!disk)
            taken.insert(config.devid.value_or(0));
    return taken;
}

Error missing(bool disk, const std::string& text)
{
    return Error{
        Code::not_found,
        std::string("the domain has no ") + (disk ? "disk " : "network interface ") + text,
        disk ? "see `zl block-list`" : "see `zl network-list`"};
}

bool matches(const rpc::DiskConfig& disk, const std::string& text)
{
    const auto number = rpc::device_number(text);
    return disk.vdev == text || (number && disk.devid == *number);
}

bool matches(const rpc::NicConfig& nic, const std::string& text)
{
    std::string lower = text;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return nic.mac == lower || std::to_string(nic.devid.value_or(0)) == text;
}

} // namespace

Outcome<PlugConfig>
choose_device(const Record& record, const OpRow& op, const std::set<std::uint32_t>& others)
{
    rpc::DomainConfig probe = record.domain.config;
    const bool disk = op.verb.starts_with("block");
    probe.disks.clear();
    probe.nics.clear();
    auto taken = taken_devids(record, disk);
    taken.insert(others.begin(), others.end());
    if (disk)
        probe.disks.push_back(TRY(rpc::from_json<rpc::DiskConfig>(op.args, "")));
    else {
        auto nic = TRY(rpc::from_json<rpc::NicConfig>(op.args, ""));
        for (std::uint32_t i = 0; !nic.devid; ++i)
            if (!taken.contains(i))
                nic.devid = i;
        probe.nics.push_back(std::move(nic));
    }
    if (probe.kernel.empty())
        probe.kernel = "/unknown"; // of an adopted domain
    probe = TRY(rpc::resolve(std::move(probe)));
    const std::uint32_t devid = disk ? *probe.disks.front().devid : *probe.nics.front().devid;
    if (taken.contains(devid))
        return Error{
            Code::conflict,
            "the domain has " +
                (disk ? "the disk " + probe.disks.front().vdev + ", number "
                      : "a network interface with number ") +
                std::to_string(devid) + ", already",
            "choose another one"};
    if (disk)
        return PlugConfig(probe.disks.front());
    return PlugConfig(probe.nics.front());
}

const DeviceRow* device_of(const Record& record, const OpRow& op)
{
    const auto* devid = op.result.if_contains("devid");
    if (devid == nullptr)
        return nullptr;
    const DeviceRef wanted{{}, op.verb.starts_with("block"), devid->to_number<std::uint32_t>()};
    for (const DeviceRow& row : record.devices)
        if (same(ref_of(row), wanted))
            return &row;
    return nullptr;
}

Outcome<const DeviceRow*> find_device(const Record& record, bool disk, const std::string& text)
{
    for (const DeviceRow& row : record.devices) {
        if (ref_of(row).disk != disk)
            continue;
        if (std::visit([&](const auto& config) { return matches(config, text); }, row.config))
            return &row;
    }
    return missing(disk, text);
}

Outcome<DeviceRef>
find_in_config(const rpc::DomainConfig& config, bool disk, const std::string& text)
{
    for (const rpc::DiskConfig& known : config.disks)
        if (disk && matches(known, text))
            return ref(known);
    for (const rpc::NicConfig& known : config.nics)
        if (!disk && matches(known, text))
            return ref(known);
    return missing(disk, text);
}

std::vector<ResourceRow> resources_of(const Record& record, const DeviceRow& row)
{
    const DeviceRef device = ref_of(row);
    std::vector<ResourceRow> found;
    for (const ResourceRow& resource : record.resources)
        if ((resource.kind != "mac") == device.disk && resource.devid == device.devid)
            found.push_back(resource);
    return found;
}

void add_to_config(rpc::DomainConfig& config, const PlugConfig& device)
{
    if (const auto* disk = std::get_if<rpc::DiskConfig>(&device))
        config.disks.push_back(*disk);
    else
        config.nics.push_back(std::get<rpc::NicConfig>(device));
}

void remove_from_config(rpc::DomainConfig& config, const DeviceRef& device)
{
    std::erase_if(config.disks, [&](const auto& disk) { return same(ref(disk), device); });
    std::erase_if(config.nics, [&](const auto& nic) { return same(ref(nic), device); });
}

bool has_mac(const Record& record, const std::string& mac)
{
    const auto is_it = [&](const DeviceRow& row) {
        const auto* nic = std::get_if<rpc::NicConfig>(&row.config);
        return nic != nullptr && nic->mac == mac;
    };
    return !mac.empty() && (config_has_mac(record.domain.config, mac) ||
                            std::ranges::any_of(record.devices, is_it));
}

bool config_has_mac(const rpc::DomainConfig& config, const std::string& mac)
{
    return std::ranges::any_of(config.nics, [&](const auto& nic) { return nic.mac == mac; });
}

} // namespace zocalo::toolstack
