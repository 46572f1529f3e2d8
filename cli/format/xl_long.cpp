// SPDX-License-Identifier: Apache-2.0
#include "cli/format/xl_long.hpp"

#include <boost/describe/enum_to_string.hpp>
#include <boost/json/array.hpp>

#include <algorithm>

namespace zocalo::cli {
namespace {

namespace json = boost::json;

template <class E> std::string word(E value)
{
    std::string text = boost::describe::enum_to_string(value, "unknown");
    std::ranges::replace(text, '_', '-');
    return text;
}

void add(json::object& object, const char* key, const std::string& value)
{
    if (!value.empty())
        object[key] = json::string(value);
}

json::object c_info(const rpc::DomainView& domain)
{
    json::object info;
    info["type"] = word(domain.type);
    info["name"] = domain.name;
    info["uuid"] = domain.uuid;
    if (domain.pool != "Pool-0")
        info["pool_name"] = domain.pool;
    return info;
}

json::object b_info(const rpc::DomainDetail& detail)
{
    const rpc::DomainView& domain = detail.domain;
    json::object info;
    info["max_vcpus"] = domain.vcpus_max;
    json::array online;
    for (const rpc::VcpuView& vcpu : detail.vcpus)
        if (vcpu.online)
            online.emplace_back(vcpu.id);
    info["avail_vcpus"] = std::move(online);
    info["max_memkb"] = domain.maxmem_kib;
    info["target_memkb"] = domain.memory_kib;
    json::object sched;
    if (detail.weight)
        sched["weight"] = *detail.weight;
    if (detail.cap)
        sched["cap"] = *detail.cap;
    info["sched_params"] = std::move(sched);
    if (detail.config) {
        add(info, "kernel", detail.config->kernel);
        add(info, "cmdline", detail.config->cmdline);
        add(info, "ramdisk", detail.config->ramdisk);
    }
    info["type." + word(domain.type)] = json::object{};
    info["arch_arm"] = json::object{};
    info["arch_x86"] = json::object{};
    return info;
}

json::array disks(const rpc::DomainDetail& detail)
{
    json::array list;
    for (const rpc::DiskView& disk : detail.disks) {
        json::object object;
        add(object, "pdev_path", disk.target);
        object["vdev"] = disk.vdev;
        object["backend"] = "phy";
        object["format"] = disk.format;
        if (disk.cdrom)
            object["removable"] = 1;
        if (!disk.readonly)
            object["readwrite"] = 1;
        if (disk.cdrom)
            object["is_cdrom"] = 1;
        list.push_back(std::move(object));
    }
    return list;
}

json::array nics(const rpc::DomainDetail& detail)
{
    json::array list;
    for (const rpc::NicView& nic : detail.nics) {
        json::object object;
        object["devid"] = nic.devid;
        if (nic.mtu != 1500)
            object["mtu"] = nic.mtu;
        object["mac"] = nic.mac;
        add(object, "bridge", nic.bridge);
        add(object, "ifname", nic.vifname);
        object["nictype"] = "vif";
        list.push_back(std::move(object));
    }
    return list;
}

json::array channels(const rpc::DomainDetail& detail)
{
    json::array list;
    for (const rpc::ChannelView& channel : detail.channels) {
        json::object object;
        object["devid"] = channel.devid;
        object["name"] = channel.name;
        json::object where;
        if (channel.connection == "socket")
            add(where, "path", channel.path);
        object["connection." + channel.connection] = std::move(where);
        list.push_back(std::move(object));
    }
    return list;
}

} // namespace

boost::json::object xl_long(const rpc::DomainDetail& detail)
{
    json::object config;
    config["c_info"] = c_info(detail.domain);
    config["b_info"] = b_info(detail);
    if (!detail.disks.empty())
        config["disks"] = disks(detail);
    if (!detail.nics.empty())
        config["nics"] = nics(detail);
    if (!detail.channels.empty())
        config["channels"] = channels(detail);
    if (detail.config) {
        config["on_poweroff"] = word(detail.config->on_poweroff);
        config["on_reboot"] = word(detail.config->on_reboot);
        config["on_watchdog"] = word(detail.config->on_watchdog);
        config["on_crash"] = word(detail.config->on_crash);
    }
    json::object domain;
    domain["domid"] = detail.domain.domid;
    domain["config"] = std::move(config);
    return domain;
}

} // namespace zocalo::cli
