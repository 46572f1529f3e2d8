// SPDX-License-Identifier: Apache-2.0
// A DomainConfig written back as xl.cfg text; reading it again gives the same configuration.
#include "cli/config_source.hpp"

#include <boost/describe/enum_to_string.hpp>

#include <algorithm>
#include <sstream>

namespace zocalo::cli {
namespace {

const rpc::DomainConfig kDefaults{};

std::string quoted(std::string_view text)
{
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (byte < 0x20)
            out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
        else
            out += c;
    }
    return out + "\"";
}

class Writer {
  public:
    void text(const char* key, const std::string& value, const std::string& otherwise = {})
    {
        if (value != otherwise)
            out_ << key << " = " << quoted(value) << '\n';
    }
    void number(const char* key, std::uint64_t value, std::uint64_t otherwise)
    {
        if (value != otherwise)
            out_ << key << " = " << value << '\n';
    }
    void list(const char* key, const std::vector<std::string>& values)
    {
        if (values.empty())
            return;
        out_ << key << " = [\n";
        for (const std::string& value : values)
            out_ << "    " << quoted(value) << ",\n";
        out_ << "]\n";
    }
    template <class E> void word(const char* key, E value, E otherwise)
    {
        std::string name = boost::describe::enum_to_string(value, "");
        std::ranges::replace(name, '_', '-');
        if (value != otherwise)
            out_ << key << " = " << quoted(name) << '\n';
    }
    std::string done() const { return out_.str(); }

  private:
    std::ostringstream out_;
};

std::string disk_text(const rpc::DiskConfig& disk)
{
    const rpc::DiskConfig plain{};
    std::string text = "format=" + disk.format + ", vdev=" + disk.vdev;
    text += disk.readonly ? ", access=ro" : ", access=rw";
    if (disk.cdrom)
        text += ", devtype=cdrom";
    if (!disk.discard)
        text += ", no-discard";
    if (disk.direct_io_safe)
        text += ", direct-io-safe";
    if (!disk.trusted)
        text += ", untrusted";
    if (disk.backend != plain.backend)
        text += ", backend=" + disk.backend;
    if (!disk.backendtype.empty())
        text += ", backendtype=" + disk.backendtype;
    if (!disk.script.empty())
        text += ", script=" + disk.script;
    if (disk.sector_size != plain.sector_size)
        text += ", sector-size=" + std::to_string(disk.sector_size);
    // target= loses one comma at the very end when it is read back, so one more is given.
    return text + ", target=" + disk.target + (disk.target.ends_with(',') ? "," : "");
}

std::string nic_text(const rpc::NicConfig& nic)
{
    const rpc::NicConfig plain{};
    std::string text;
    auto add = [&](const char* key, const std::string& value, const std::string& otherwise) {
        if (value != otherwise)
            text += (text.empty() ? "" : ", ") + std::string{key} + "=" + value;
    };
    add("mac", nic.mac, plain.mac);
    add("bridge", nic.bridge, "");
    add("gatewaydev", nic.gatewaydev, plain.gatewaydev);
    add("type", nic.type, plain.type);
    add("model", nic.model, plain.model);
    add("vifname", nic.vifname, plain.vifname);
    add("script", nic.script, plain.script);
    add("ip", nic.ip, plain.ip);
    add("backend", nic.backend, plain.backend);
    add("rate", nic.rate, plain.rate);
    add("vlan", nic.vlan, plain.vlan);
    if (nic.mtu)
        add("mtu", std::to_string(*nic.mtu), "");
    if (nic.devid)
        add("devid", std::to_string(*nic.devid), "");
    auto flag = [&](const char* word, bool given) {
        if (given)
            text += (text.empty() ? "" : ", ") + std::string{word};
    };
    flag("untrusted", !nic.trusted);
    flag("isolated", nic.isolated);
    flag("no-learning", !nic.learning);
    flag("no-flood", !nic.flood);
    flag("no-sg", !nic.scatter_gather);
    flag("no-gso", !nic.segmentation);
    flag("no-csum", !nic.checksums);
    return text;
}

std::string channel_text(const rpc::ChannelConfig& channel)
{
    const std::string text = "name=" + channel.name + ",connection=" + channel.connection;
    return channel.path.empty() ? text : text + ",path=" + channel.path;
}

void write_cpus(Writer& out, const char* key, const std::vector<std::string>& lists)
{
    if (lists.size() == 1)
        out.text(key, lists.front());
    else
        out.list(key, lists);
}

void write_policy(Writer& out, const rpc::DomainConfig& config)
{
    out.word("on_poweroff", config.on_poweroff, kDefaults.on_poweroff);
    out.word("on_reboot", config.on_reboot, kDefaults.on_reboot);
    out.word("on_crash", config.on_crash, kDefaults.on_crash);
    out.word("on_watchdog", config.on_watchdog, kDefaults.on_watchdog);
    out.number("max_grant_frames", config.max_grant_frames, kDefaults.max_grant_frames);
    out.number("max_maptrack_frames", config.max_maptrack_frames, kDefaults.max_maptrack_frames);
    out.number("max_grant_version", config.max_grant_version, kDefaults.max_grant_version);
    out.number("max_event_channels", config.max_event_channels, kDefaults.max_event_channels);
    if (config.tsc_mode != rpc::TscMode::default_)
        out.text("tsc_mode", boost::describe::enum_to_string(config.tsc_mode, ""));
    out.number("autostart", config.autostart.enabled ? 1 : 0, 0);
    out.number("autostart_order", config.autostart.order, kDefaults.autostart.order);
    out.number("autostart_delay", config.autostart.delay_s, 0);
    out.list("autostart_depends", config.autostart.depends);
}

} // namespace

std::string config_text(const rpc::DomainConfig& config)
{
    Writer out;
    out.text("name", config.name);
    out.text("uuid", config.uuid);
    out.word("type", config.type, static_cast<rpc::GuestType>(-1));
    out.text("kernel", config.kernel);
    out.text("ramdisk", config.ramdisk);
    out.text("cmdline", config.cmdline);
    out.number("memory", config.memory_mib, 0);
    out.number("maxmem", config.maxmem_mib, config.memory_mib);
    out.number("vcpus", config.vcpus, 0);
    out.number("maxvcpus", config.maxvcpus, config.vcpus);
    write_cpus(out, "cpus", config.cpus);
    write_cpus(out, "cpus_soft", config.cpus_soft);
    out.text("pool", config.pool);
    if (config.sched.weight)
        out.number("cpu_weight", *config.sched.weight, 0);
    if (config.sched.cap)
        out.number("cap", *config.sched.cap, ~0ULL);
    write_policy(out, config);
    std::vector<std::string> specs;
    for (const auto& disk : config.disks)
        specs.push_back(disk_text(disk));
    out.list("disk", specs);
    specs.clear();
    for (const auto& nic : config.nics)
        specs.push_back(nic_text(nic));
    out.list("vif", specs);
    specs.clear();
    for (const auto& channel : config.channels)
        specs.push_back(channel_text(channel));
    out.list("channel", specs);
    return out.done();
}

} // namespace zocalo::cli
