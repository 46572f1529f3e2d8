// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/domain_config.hpp"

#include "common/rpc/vlan_spec.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

namespace zocalo::rpc {
namespace {

constexpr std::size_t kMaxNameLength = 128;
constexpr std::size_t kMaxCmdline = 1023; // start_info.cmd_line holds 1024 bytes with its NUL
constexpr std::size_t kMaxDevices = 64;
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
    if (d.target.empty() && !d.cdrom)
        return bad(at + "target= is missing");
    if (!d.target.empty() && !d.target.starts_with('/'))
        return bad(at + "target " + d.target + " must be an absolute path");
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
    return std::nullopt;
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
            return c >= 'A' && c <= 'F' ? char(c + 32) : c;
        });
        if (auto failure = check_nic(n))
            return failure;
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
    return config;
}

} // namespace zocalo::rpc
