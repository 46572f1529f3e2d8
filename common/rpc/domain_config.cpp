// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/domain_config.hpp"

#include "common/rpc/vlan_spec.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string_view>

namespace zocalo::rpc {
namespace {

constexpr std::size_t kMaxNameLength = 128;
constexpr std::size_t kMaxCmdline = 1023; // start_info.cmd_line holds 1024 bytes with its NUL
constexpr std::size_t kMaxDevices = 64;
constexpr std::size_t kMaxGroupName = 48;
constexpr std::uint32_t kMaxVcpus = 128;

Error bad(std::string what, std::string next = {})
{
    return Error{Code::usage, std::move(what), std::move(next)};
}

// Reads decimal digits from the front of `text`; nothing if there are none or too many.
std::optional<std::uint32_t> take_number(std::string_view& text)
{
    std::uint32_t n{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failure != std::errc{} || n > 0xfffff)
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return n;
}

// Disk letters "a".."z", "aa".. as a number; zero letters is an error.
std::optional<std::uint32_t> take_letters(std::string_view& text)
{
    std::uint32_t n = 0;
    std::size_t used = 0;
    while (used < text.size() && text[used] >= 'a' && text[used] <= 'z' && used < 4) {
        n = n * 26 + static_cast<std::uint32_t>(text[used] - 'a') + 1;
        ++used;
    }
    if (used == 0)
        return std::nullopt;
    text.remove_prefix(used);
    return n - 1;
}

// Numbers of xen-vbd-interface(7).
std::optional<std::uint32_t> xvd_number(std::uint32_t disk, std::uint32_t partition)
{
    if (disk < 16 && partition < 16)
        return 202U << 8 | disk << 4 | partition;
    if (disk < (1U << 20) && partition < 256)
        return 1U << 28 | disk << 8 | partition;
    return std::nullopt;
}

std::optional<std::uint32_t> sd_number(std::uint32_t disk, std::uint32_t partition)
{
    if (disk < 16 && partition < 16)
        return 8U << 8 | disk << 4 | partition;
    return std::nullopt;
}

std::optional<std::uint32_t> hd_number(std::uint32_t disk, std::uint32_t partition)
{
    if (disk > 3 || partition > 63)
        return std::nullopt;
    return disk < 2 ? 3U << 8 | disk << 6 | partition : 22U << 8 | (disk - 2) << 6 | partition;
}

std::optional<std::uint32_t> lettered_number(std::string_view text)
{
    const std::string_view kind = text.substr(0, text.starts_with("xvd") ? 3 : 2);
    text.remove_prefix(kind.size());
    const auto disk = take_letters(text);
    if (!disk)
        return std::nullopt;
    std::uint32_t partition = 0;
    if (!text.empty()) {
        const auto n = take_number(text);
        if (!n || !text.empty() || *n == 0)
            return std::nullopt;
        partition = *n;
    }
    if (kind == "xvd")
        return xvd_number(*disk, partition);
    return kind == "sd" ? sd_number(*disk, partition) : hd_number(*disk, partition);
}

std::optional<std::uint32_t> dp_number(std::string_view text)
{
    text.remove_prefix(1);
    const auto disk = take_number(text);
    if (!disk || !text.starts_with('p'))
        return std::nullopt;
    text.remove_prefix(1);
    const auto partition = take_number(text);
    if (!partition || !text.empty())
        return std::nullopt;
    return xvd_number(*disk, *partition);
}

std::optional<Error> check_name(const std::string& name)
{
    if (name.empty() || name.size() > kMaxNameLength)
        return bad("name: a domain needs a name of 1 to 128 characters");
    const bool plain = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view{"-_.+:@"}.find(c) != std::string_view::npos;
    });
    if (!plain)
        return bad("name: \"" + name + "\" holds other characters than letters, digits and -_.+:@");
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }))
        return bad("name: \"" + name + "\" is a number and would be taken for a domid");
    return std::nullopt;
}

std::optional<Error> check_sizes(const DomainConfig& c)
{
    if (c.memory_mib < 4 || c.memory_mib > (1ULL << 24))
        return bad("memory: " + std::to_string(c.memory_mib) + " MiB is outside 4 … 16777216");
    if (c.maxmem_mib < c.memory_mib)
        return bad("maxmem: must be at least memory");
    if (c.maxmem_mib > (1ULL << 24))
        return bad("maxmem: above 16777216 MiB");
    if (c.vcpus == 0 || c.maxvcpus > kMaxVcpus || c.vcpus > c.maxvcpus)
        return bad("vcpus: must be 1 … maxvcpus, and maxvcpus at most 128");
    if (c.sched.weight && (*c.sched.weight == 0 || *c.sched.weight > 65535))
        return bad("cpu_weight: must be 1 … 65535");
    if (c.sched.cap && *c.sched.cap > 100 * kMaxVcpus)
        return bad("cap: more than all vCPUs could use");
    if (c.cmdline.size() > kMaxCmdline)
        return bad("cmdline: longer than 1023 bytes");
    if (c.disks.size() > kMaxDevices || c.nics.size() > kMaxDevices)
        return bad("more than 64 disks or network interfaces");
    return std::nullopt;
}

std::optional<Error> check_disk(const DiskConfig& d)
{
    const std::string at = "disk " + d.vdev + ": ";
    if (d.format != "raw")
        return Error{
            Code::unsupported,
            at + "format " + d.format + " is not supported yet",
            "convert it to raw"};
    if (!d.script.empty())
        return Error{
            Code::unsupported,
            at + "script= is not supported: zocalo runs no hotplug scripts",
            "give the block device that the script would make as target="};
    if (d.backend != "0" && d.backend != "Domain-0")
        return Error{
            Code::unsupported, at + "backend domains other than dom0 are not supported", {}};
    if (d.sector_size != 512 && d.sector_size != 4096)
        return bad(at + "sector_size must be 512 or 4096");
    if (d.target.empty() && !d.cdrom)
        return bad(at + "target= is missing");
    if (!d.target.empty() && !d.target.starts_with('/'))
        return bad(at + "target " + d.target + " must be an absolute path");
    return std::nullopt;
}

// What a group's limit is must not depend on the order in which its disks are attached.
std::optional<Error> check_groups(const std::vector<DiskConfig>& disks)
{
    std::map<std::string, LimitConfig> groups;
    for (const DiskConfig& d : disks) {
        if (d.limits.group.size() > kMaxGroupName)
            return bad("disk " + d.vdev + ": the group's name is longer than 48 characters");
        if (d.limits.group.empty())
            continue;
        if (groups.try_emplace(d.limits.group, d.limits).first->second != d.limits)
            return bad(
                "disk " + d.vdev + ": group " + d.limits.group + " has another limit before"
            );
    }
    return std::nullopt;
}

std::optional<Error> resolve_disks(std::vector<DiskConfig>& disks)
{
    std::set<std::uint32_t> taken;
    for (DiskConfig& d : disks) {
        auto number = device_number(d.vdev);
        if (!number)
            return number.error();
        if (d.devid && *d.devid != *number)
            return bad("disk " + d.vdev + ": devid does not match the vdev");
        d.devid = *number;
        d.readonly |= d.cdrom;
        if (!taken.insert(*d.devid).second)
            return bad("disk " + d.vdev + ": this vdev is used twice");
        if (auto failure = check_disk(d))
            return failure;
    }
    return check_groups(disks);
}

bool is_mac(const std::string& mac)
{
    if (mac.size() != 17)
        return false;
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const bool hex = (mac[i] >= '0' && mac[i] <= '9') || (mac[i] >= 'a' && mac[i] <= 'f') ||
                         (mac[i] >= 'A' && mac[i] <= 'F');
        if (i % 3 == 2 ? mac[i] != ':' : !hex)
            return false;
    }
    return true;
}

std::optional<Error> check_nic(const NicConfig& n)
{
    const std::string at = "vif " + std::to_string(n.devid.value_or(0)) + ": ";
    if (!n.mac.empty() && !is_mac(n.mac))
        return bad(at + "mac \"" + n.mac + "\" is not of the form 00:16:3e:01:02:03");
    if (!n.mac.empty() && (std::stoi(n.mac.substr(0, 2), nullptr, 16) & 1) != 0)
        return bad(at + "mac \"" + n.mac + "\" is a multicast address");
    if (n.mtu && (*n.mtu < 68 || *n.mtu > 65521))
        return bad(at + "mtu must be 68 … 65521");
    if (!n.gatewaydev.empty() && n.ip.empty())
        return bad(at + "gatewaydev= routes the guest's addresses: give them with ip=");
    if (!n.gatewaydev.empty() && (!n.vlan.empty() || n.isolated || !n.learning || !n.flood))
        return bad(at + "a routed interface (gatewaydev=) is no port of a bridge");
    if (!n.limits.group.empty())
        return bad(at + "only disks share limits in groups");
    if (n.vifname.size() > 15)
        return bad(at + "vifname is longer than 15 characters");
    if (n.backend != "0" && n.backend != "Domain-0")
        return Error{
            Code::unsupported, at + "backend domains other than dom0 are not supported", {}};
    if (!n.vlan.empty())
        if (const auto vlans = parse_vlans(n.vlan); !vlans)
            return Error{vlans.error().code, at + vlans.error().what, vlans.error().next};
    return std::nullopt;
}

std::optional<Error> resolve_nics(std::vector<NicConfig>& nics)
{
    std::set<std::uint32_t> taken;
    for (const NicConfig& n : nics)
        if (n.devid && (*n.devid > 255 || !taken.insert(*n.devid).second))
            return bad("vif: devid " + std::to_string(*n.devid) + " is used twice or above 255");
    std::uint32_t next = 0;
    for (NicConfig& n : nics) {
        while (!n.devid && taken.contains(next))
            ++next;
        if (!n.devid)
            taken.insert(*(n.devid = next));
        std::ranges::transform(n.mac, n.mac.begin(), [](char c) {
            return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
        });
        if (!n.gatewaydev.empty()) // routed
            n.bridge.clear();
        if (auto failure = check_nic(n))
            return failure;
    }
    return std::nullopt;
}

std::optional<Error> check_channel(const ChannelConfig& c)
{
    const std::string at = "channel " + std::to_string(c.devid.value_or(0)) + ": ";
    constexpr std::size_t kLongestPath = 107; // sockaddr_un
    if (c.name.empty() || c.name.size() > 128)
        return bad(at + "name= is missing or longer than 128 characters");
    if (c.connection != "socket" && c.connection != "pty")
        return bad(at + "connection must be socket or pty");
    if (c.connection == "socket" && (!c.path.starts_with('/') || c.path.size() > kLongestPath))
        return bad(at + "path must be an absolute path of at most 107 characters");
    if (c.connection == "pty" && !c.path.empty())
        return bad(at + "a pty has no path of its own choice");
    if (c.backend != "0" && c.backend != "Domain-0")
        return Error{
            Code::unsupported, at + "backend domains other than dom0 are not supported", {}};
    return std::nullopt;
}

// Linux reads a console's number off the last digit of its path.
std::optional<Error> resolve_channels(std::vector<ChannelConfig>& channels)
{
    constexpr std::uint32_t kMostChannels = 9;
    std::set<std::uint32_t> taken;
    std::set<std::string> names, paths;
    for (const ChannelConfig& c : channels)
        if (c.devid && !taken.insert(*c.devid).second)
            return bad("channel: devid " + std::to_string(*c.devid) + " is used twice");
    std::uint32_t next = 1;
    for (ChannelConfig& c : channels) {
        while (!c.devid && taken.contains(next))
            ++next;
        if (!c.devid)
            taken.insert(*(c.devid = next));
        if (*c.devid == 0 || *c.devid > kMostChannels)
            return bad("channel: a domain has at most 9, with devid 1 to 9");
        if (auto failure = check_channel(c))
            return failure;
        if (!names.insert(c.name).second || (!c.path.empty() && !paths.insert(c.path).second))
            return bad("channel " + c.name + ": its name or path is used twice");
    }
    return std::nullopt;
}

} // namespace

Outcome<std::uint32_t> device_number(const std::string& vdev)
{
    std::string_view text = vdev;
    std::optional<std::uint32_t> number;
    if (text.starts_with("xvd") || text.starts_with("sd") || text.starts_with("hd"))
        number = lettered_number(text);
    else if (text.starts_with('d'))
        number = dp_number(text);
    else if (!text.empty()) {
        std::uint32_t n{};
        const int base = text.starts_with("0x") ? 16 : 10;
        const std::string_view digits = base == 16 ? text.substr(2) : text;
        const auto [end, failure] =
            std::from_chars(digits.data(), digits.data() + digits.size(), n, base);
        if (failure == std::errc{} && end == digits.data() + digits.size() && n < (1U << 29))
            number = n;
    }
    if (!number)
        return bad(
            "vdev \"" + vdev + "\" is not a virtual disk name",
            "use xvda, sda1, hdc, d0p1 or a number"
        );
    return *number;
}

Outcome<DomainConfig> resolve(DomainConfig config)
{
    if (config.maxmem_mib == 0)
        config.maxmem_mib = config.memory_mib;
    if (config.maxvcpus == 0)
        config.maxvcpus = config.vcpus;
    if (auto failure = check_name(config.name))
        return *failure;
    if (auto failure = check_sizes(config))
        return *failure;
    if (config.type == GuestType::hvm)
        return Error{
            Code::unsupported,
            "type=\"hvm\" is not supported yet",
            "use type=\"pvh\" or type=\"pv\""};
    if (!config.kernel.starts_with('/'))
        return bad("kernel: give the absolute path of a kernel image");
    if (!config.ramdisk.empty() && !config.ramdisk.starts_with('/'))
        return bad("ramdisk: must be an absolute path");
    if (auto failure = resolve_disks(config.disks))
        return *failure;
    if (auto failure = resolve_nics(config.nics))
        return *failure;
    if (auto failure = resolve_channels(config.channels))
        return *failure;
    return config;
}

} // namespace zocalo::rpc
