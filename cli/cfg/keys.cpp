// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/keys.hpp"

#include "cli/cfg/channel_spec.hpp"
#include "cli/cfg/cpu_list.hpp"
#include "cli/cfg/disk_spec.hpp"
#include "cli/cfg/vif_spec.hpp"

#include <boost/describe/enum_from_string.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>

namespace zocalo::cli::cfg {
namespace {

Error bad(std::string what, std::string next = {})
{
    return Error{Code::usage, std::move(what), std::move(next)};
}

template <auto Member> Outcome<Unit> text(Draft& draft, const Value& value)
{
    draft.config.*Member = value.text;
    return Unit{};
}

template <auto Member> Outcome<Unit> draft_text(Draft& draft, const Value& value)
{
    draft.*Member = value.text;
    return Unit{};
}

template <class T> Outcome<T> unsigned_number(const Value& value)
{
    const long n = TRY(to_number(value));
    if (n < 0 || static_cast<unsigned long>(n) > std::numeric_limits<T>::max())
        return bad("the number " + value.text + " is out of range");
    return static_cast<T>(n);
}

template <auto Member> Outcome<Unit> number(Draft& draft, const Value& value)
{
    using T = std::remove_reference_t<decltype(draft.config.*Member)>;
    draft.config.*Member = TRY(unsigned_number<T>(value));
    return Unit{};
}

template <auto Member> Outcome<Unit> sched(Draft& draft, const Value& value)
{
    draft.config.sched.*Member = TRY(unsigned_number<std::uint32_t>(value));
    return Unit{};
}

template <auto Member> Outcome<Unit> autostart_number(Draft& draft, const Value& value)
{
    draft.config.autostart.*Member = TRY(unsigned_number<std::uint32_t>(value));
    return Unit{};
}

Outcome<Unit> autostart(Draft& draft, const Value& value)
{
    draft.config.autostart.enabled = TRY(to_number(value)) != 0;
    return Unit{};
}

Outcome<Unit> autostart_depends(Draft& draft, const Value& value)
{
    for (const Value& item : value.list)
        draft.config.autostart.depends.push_back(item.text);
    return Unit{};
}

Outcome<Unit> type(Draft& draft, const Value& value)
{
    if (!boost::describe::enum_from_string(value.text.c_str(), draft.config.type))
        return bad("\"" + value.text + "\" is no domain type", "use \"pv\" or \"pvh\"");
    return Unit{};
}

Outcome<Unit> builder(Draft& draft, const Value& value)
{
    if (value.text != "hvm" && value.text != "generic")
        return bad("\"" + value.text + "\" is no builder", "use type=\"pv\" or type=\"pvh\"");
    draft.config.type = value.text == "hvm" ? rpc::GuestType::hvm : rpc::GuestType::pv;
    draft.warnings.emplace_back("builder is an old name, write type=");
    return Unit{};
}

template <auto Member> Outcome<Unit> action(Draft& draft, const Value& value)
{
    std::string word = value.text;
    std::ranges::replace(word, '-', '_');
    if (value.text.find('_') != std::string::npos ||
        !boost::describe::enum_from_string(word.c_str(), draft.config.*Member))
        return bad(
            "\"" + value.text + "\" is no action",
            "use destroy, restart, rename-restart, preserve, coredump-destroy or coredump-restart"
        );
    return Unit{};
}

Outcome<Unit> tsc_mode(Draft& draft, const Value& value)
{
    constexpr std::array<std::string_view, 4> kWords{
        "default", "always_emulate", "native", "native_paravirt"};
    std::size_t i =
        static_cast<std::size_t>(std::ranges::find(kWords, value.text) - kWords.begin());
    if (i == kWords.size()) {
        const auto n = to_number(value);
        if (!n || *n < 0 || *n >= 4)
            return bad(
                "\"" + value.text + "\" is no TSC mode",
                "use default, always_emulate, native or native_paravirt"
            );
        i = static_cast<std::size_t>(*n);
        draft.warnings.push_back(
            "tsc_mode as a number is an old form, write \"" + std::string{kWords[i]} + "\""
        );
    }
    draft.config.tsc_mode = static_cast<rpc::TscMode>(i);
    return Unit{};
}

template <auto Member, auto PerVcpu> Outcome<Unit> cpu_lists(Draft& draft, const Value& value)
{
    draft.*PerVcpu = value.is_list;
    const std::vector<Value> one{value};
    for (const Value& item : value.is_list ? value.list : one) {
        TRY(check_cpu_list(item.text));
        (draft.config.*Member).push_back(item.text);
    }
    return Unit{};
}

Outcome<Unit> disks(Draft& draft, const Value& value)
{
    for (const Value& item : value.list) {
        const DiskSpec spec = TRY(parse_disk_spec({&item.text, 1}));
        draft.config.disks.push_back(to_config(spec, draft.warnings));
    }
    return Unit{};
}

Outcome<Unit> vifs(Draft& draft, const Value& value)
{
    for (const Value& item : value.list)
        draft.config.nics.push_back(TRY(parse_vif_spec({&item.text, 1}, draft.warnings)));
    return Unit{};
}

Outcome<Unit> channels(Draft& draft, const Value& value)
{
    for (const Value& item : value.list)
        draft.config.channels.push_back(TRY(parse_channel_spec(item.text)));
    return Unit{};
}

using rpc::DomainConfig;
constexpr auto kKeys = std::to_array<Key>({
    {"name", KeyType::text, text<&DomainConfig::name>, "The domain's name, unique on the host."},
    {"uuid",
     KeyType::text,
     text<&DomainConfig::uuid>,
     "The domain's UUID; chosen once when not given."},
    {"type", KeyType::text, type, "\"pv\" (default) or \"pvh\"."},
    {"builder", KeyType::text, builder, "Old form of type: \"generic\" is pv, \"hvm\" is hvm."},
    {"kernel", KeyType::text, text<&DomainConfig::kernel>, "Path of the kernel image."},
    {"ramdisk", KeyType::text, text<&DomainConfig::ramdisk>, "Path of the initial RAM disk."},
    {"cmdline", KeyType::text, draft_text<&Draft::cmdline>, "The kernel's command line."},
    {"root", KeyType::text, draft_text<&Draft::root>, "Adds root=VALUE to the command line."},
    {"extra", KeyType::text, draft_text<&Draft::extra>, "Added to the command line after root."},
    {"memory", KeyType::number, number<&DomainConfig::memory_mib>, "Memory at start, MiB."},
    {"maxmem",
     KeyType::number,
     number<&DomainConfig::maxmem_mib>,
     "The most memory it can be given while it runs, MiB; default: memory."},
    {"vcpus", KeyType::number, number<&DomainConfig::vcpus>, "vCPUs that are online at start."},
    {"maxvcpus",
     KeyType::number,
     number<&DomainConfig::maxvcpus>,
     "vCPUs it can have while it runs; default: vcpus."},
    {"cpus",
     KeyType::text_or_list,
     cpu_lists<&DomainConfig::cpus, &Draft::cpus_per_vcpu>,
     "pCPUs the vCPUs may run on: one CPU list for all, or [a list each]."},
    {"cpus_soft",
     KeyType::text_or_list,
     cpu_lists<&DomainConfig::cpus_soft, &Draft::cpus_soft_per_vcpu>,
     "pCPUs the vCPUs prefer, in the form of cpus."},
    {"pool", KeyType::text, text<&DomainConfig::pool>, "The cpupool to put the domain in."},
    {"cpu_weight",
     KeyType::number,
     sched<&rpc::SchedConfig::weight>,
     "Share of CPU time against other domains, 1 to 65535; default 256."},
    {"cap",
     KeyType::number,
     sched<&rpc::SchedConfig::cap>,
     "The most CPU time, percent of one pCPU; 0 is no limit."},
    {"on_poweroff",
     KeyType::text,
     action<&DomainConfig::on_poweroff>,
     "What to do when the guest powers off; default destroy."},
    {"on_reboot",
     KeyType::text,
     action<&DomainConfig::on_reboot>,
     "What to do when the guest reboots; default restart."},
    {"on_crash",
     KeyType::text,
     action<&DomainConfig::on_crash>,
     "What to do when the guest crashes; default destroy."},
    {"on_watchdog",
     KeyType::text,
     action<&DomainConfig::on_watchdog>,
     "What to do when the guest's watchdog fires; default destroy."},
    {"max_grant_frames",
     KeyType::number,
     number<&DomainConfig::max_grant_frames>,
     "Size limit of the grant table, pages; default 64."},
    {"max_maptrack_frames",
     KeyType::number,
     number<&DomainConfig::max_maptrack_frames>,
     "Size limit of the table of mapped grants, pages; default 1024."},
    {"max_grant_version",
     KeyType::number,
     number<&DomainConfig::max_grant_version>,
     "Highest grant table version the guest may use, 1 or 2."},
    {"max_event_channels",
     KeyType::number,
     number<&DomainConfig::max_event_channels>,
     "Limit of event channel ports; default 1023."},
    {"tsc_mode",
     KeyType::text,
     tsc_mode,
     "\"default\", \"always_emulate\", \"native\" or \"native_paravirt\"."},
    {"disk", KeyType::text_list, disks, "Disks, a list of DISKSPEC strings."},
    {"vif", KeyType::text_list, vifs, "Network interfaces, a list of VIFSPEC strings."},
    {"channel",
     KeyType::text_list,
     channels,
     "Consoles of the guest that are sockets or terminals in dom0: a list of "
     "\"name=NAME,connection=socket,path=PATH\" or \"name=NAME,connection=pty\"."},
    {"autostart",
     KeyType::boolean,
     autostart,
     "1: start the managed domain when the host starts. zl only."},
    {"autostart_order",
     KeyType::number,
     autostart_number<&rpc::AutostartConfig::order>,
     "Lower numbers start first; default 100. zl only."},
    {"autostart_delay",
     KeyType::number,
     autostart_number<&rpc::AutostartConfig::delay_s>,
     "Seconds to wait after this domain was started. zl only."},
    {"autostart_depends",
     KeyType::text_list,
     autostart_depends,
     "Names of domains that must run before. zl only."},
});

} // namespace

std::span<const Key> keys()
{
    return kKeys;
}

std::vector<std::string_view> all_key_names()
{
    std::vector<std::string_view> names;
    for (const Key& key : kKeys)
        names.push_back(key.name);
    const auto others = keys_without_effect();
    names.insert(names.end(), others.begin(), others.end());
    return names;
}

std::string_view name(KeyType type)
{
    switch (type) {
    case KeyType::text:
        return "a string";
    case KeyType::number:
        return "a number";
    case KeyType::boolean:
        return "0 or 1";
    case KeyType::text_list:
        return "a list of strings";
    case KeyType::text_or_list:
        return "a string or a list of strings";
    }
    return "a value";
}

Outcome<long> to_number(const Value& value)
{
    const char* const begin = value.text.c_str();
    char* end{};
    errno = 0;
    const long n = std::strtol(begin, &end, 0);
    if (value.text.empty() || end != begin + value.text.size())
        return bad("\"" + value.text + "\" is not a number");
    if (errno == ERANGE)
        return bad("the number " + value.text + " is out of range");
    return n;
}

} // namespace zocalo::cli::cfg
