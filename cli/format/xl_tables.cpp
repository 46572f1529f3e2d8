// SPDX-License-Identifier: Apache-2.0
#include "cli/format/xl_tables.hpp"

#include "common/rpc/device_states.hpp"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <ostream>

namespace zocalo::cli {
namespace {

// printf's formats, because xl's are printf's.
__attribute__((format(printf, 2, 3))) void put(std::ostream& out, const char* format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    const int size = std::vsnprintf(nullptr, 0, format, arguments);
    va_end(arguments);
    std::string text(static_cast<std::size_t>(size) + 1, '\0');
    std::vsnprintf(text.data(), text.size(), format, again);
    va_end(again);
    text.pop_back();
    out << text;
}

double seconds(std::uint64_t ns)
{
    return static_cast<double>(static_cast<float>(ns) / 1e9F);
}

unsigned long mib(std::uint64_t kib)
{
    return static_cast<unsigned long>(kib / 1024);
}

} // namespace

std::string state_letters(const rpc::DomainView& d)
{
    // SHUTDOWN_* of Xen's public/sched.h: poweroff, reboot, suspend, crash, watchdog, soft reset.
    constexpr std::array<char, 6> kReasons{'-', 'r', 's', 'c', 'w', 'S'};
    const int reason = d.flag_shutdown ? d.shutdown_reason : 0;
    const bool known = reason >= 0 && reason < static_cast<int>(kReasons.size());
    return {
        d.flag_running ? 'r' : '-',
        d.flag_blocked ? 'b' : '-',
        d.flag_paused ? 'p' : '-',
        d.flag_shutdown ? 's' : '-',
        known ? kReasons[static_cast<std::size_t>(reason)] : '?',
        d.flag_dying ? 'd' : '-'};
}

void xl_list(std::ostream& out, std::span<const rpc::DomainView> domains, XlListFlags flags)
{
    out << "Name                                        ID   Mem VCPUs\tState\tTime(s)";
    if (flags.verbose)
        out << "   UUID                            Reason-Code\tSecurity Label";
    if (flags.context && !flags.verbose)
        out << "   Security Label";
    if (flags.cpupool)
        out << "         Cpupool";
    if (flags.numa)
        out << " NODE Affinity";
    out << '\n';
    for (const auto& d : domains) {
        put(out,
            "%-40s %5d %5lu %5u     %s  %8.1f",
            d.name.c_str(),
            d.domid,
            mib(d.memory_kib),
            d.vcpus_online,
            state_letters(d).c_str(),
            seconds(d.cpu_time_ns));
        if (flags.verbose) {
            put(out, " %s", d.uuid.c_str());
            if (d.flag_shutdown)
                put(out, " %8x", static_cast<unsigned>(d.shutdown_reason));
            else
                put(out, " %8s", "-");
        }
        if (flags.verbose || flags.context)
            put(out, " %16s", "-");
        if (flags.cpupool)
            put(out, "%16s", d.pool.c_str());
        if (flags.numa)
            out << " all";
        out << '\n';
    }
}

void xl_vcpu_header(std::ostream& out)
{
    put(out,
        "%-32s %5s %5s %5s %5s %9s %s\n",
        "Name",
        "ID",
        "VCPU",
        "CPU",
        "State",
        "Time(s)",
        "Affinity (Hard / Soft)");
}

void xl_vcpus(std::ostream& out, const rpc::DomainDetail& detail)
{
    for (const auto& v : detail.vcpus) {
        put(out, "%-32s %5d %5u", detail.domain.name.c_str(), detail.domain.domid, v.id);
        if (v.online)
            put(out, "%5d %3c%c- ", v.cpu, v.running ? 'r' : '-', v.blocked ? 'b' : '-');
        else
            put(out, "%5c %3c%cp ", '-', '-', '-');
        put(out,
            "%9.1f  %s / %s\n",
            seconds(v.cpu_time_ns),
            v.hard_affinity.c_str(),
            v.soft_affinity.c_str());
    }
}

void xl_block_header(std::ostream& out)
{
    put(out,
        "%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n",
        "Vdev",
        "BE",
        "handle",
        "state",
        "evt-ch",
        "ring-ref",
        "BE-path");
}

void xl_blocks(std::ostream& out, const rpc::DomainDetail& detail)
{
    for (const auto& d : detail.disks)
        put(out,
            "%-5u %-3u %-6d %-5d %-6d %-8d %-30s\n",
            d.devid,
            d.backend_domid,
            detail.domain.domid,
            rpc::device_state_number(d.frontend_state),
            static_cast<int>(d.event_channel),
            static_cast<int>(d.ring_ref),
            d.backend_path.c_str());
}

void xl_network_header(std::ostream& out)
{
    put(out,
        "%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n",
        "Idx",
        "BE",
        "Mac Addr.",
        "handle",
        "state",
        "evt-ch",
        "tx-",
        "rx-ring-ref",
        "BE-path");
}

void xl_networks(std::ostream& out, const rpc::DomainDetail& detail)
{
    for (const auto& n : detail.nics) {
        // xl knows one channel for both directions and prints -1 when the frontend split them.
        const bool split = n.tx_event_channel != n.rx_event_channel;
        put(out, "%-3u %-2u ", n.devid, n.backend_domid);
        out << n.mac;
        put(out,
            "%6u %5d %6d %5d/%-11d %-30s\n",
            n.devid,
            rpc::device_state_number(n.frontend_state),
            split ? -1 : static_cast<int>(n.tx_event_channel),
            static_cast<int>(n.tx_ring_ref),
            static_cast<int>(n.rx_ring_ref),
            n.backend_path.c_str());
    }
}

void xl_channel_header(std::ostream& out)
{
    put(out,
        "%-3s %-2s %-5s %-6s %8s %-10s %-30s\n",
        "Idx",
        "BE",
        "state",
        "evt-ch",
        "ring-ref",
        "connection",
        "");
}

void xl_channels(std::ostream& out, const rpc::DomainDetail& detail)
{
    for (const auto& c : detail.channels) {
        put(out,
            "%-3u %-2u %-5d ",
            c.devid,
            c.backend_domid,
            rpc::device_state_number(c.frontend_state));
        put(out, "%-6d ", static_cast<int>(c.event_channel));
        put(out, "%-8d %-10s ", static_cast<int>(c.ring_ref), c.connection.c_str());
        if (c.connection == "pty") // xl shows where the terminal is, and of a socket nothing
            put(out, "%-30s ", c.path.c_str());
        out << '\n';
    }
}

void xl_sched_header(std::ostream& out)
{
    put(out, "%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

void xl_sched(std::ostream& out, const rpc::DomainDetail& detail)
{
    put(out,
        "%-33s %4d %6u %4u\n",
        detail.domain.name.c_str(),
        detail.domain.domid,
        detail.weight.value_or(0),
        detail.cap.value_or(0));
}

void xl_info(std::ostream& out, const rpc::HostView& host)
{
    auto line = [&](const char* key, const std::string& value) {
        put(out, "%-23s: %s\n", key, value.c_str());
    };
    auto number = [&](const char* key, std::uint64_t value) { line(key, std::to_string(value)); };
    const std::string& version = host.hypervisor_version;
    const std::size_t dot = version.find('.');
    const std::string major = version.substr(0, dot);
    const std::string minor =
        dot == std::string::npos
            ? ""
            : version.substr(dot + 1, version.find_first_not_of("0123456789", dot + 1) - dot - 1);
    line("host", host.hostname);
    line("release", host.kernel);
    line("version", host.kernel_version);
    line("machine", host.machine);
    number("nr_cpus", host.cpus);
    number("max_cpu_id", host.max_cpu_id);
    number("nr_nodes", host.nodes);
    number("cores_per_socket", host.cores_per_socket);
    number("threads_per_core", host.threads_per_core);
    put(out, "%-23s: %u.%03u\n", "cpu_mhz", host.cpu_khz / 1000, host.cpu_khz % 1000);
    line("hw_caps", host.hw_caps);
    line("virt_caps", host.virt_caps);
    number("total_memory", mib(host.total_memory_kib));
    const std::uint64_t claimed = std::min(host.free_memory_kib, host.outstanding_claims_kib);
    number("free_memory", mib(host.free_memory_kib - claimed));
    number("sharing_freed_memory", mib(host.sharing_freed_kib));
    number("sharing_used_memory", mib(host.sharing_used_kib));
    number("outstanding_claims", mib(host.outstanding_claims_kib));
    number("free_cpus", host.free_cpus);
    line("xen_major", major);
    line("xen_minor", minor);
    line("xen_extra", host.hypervisor_extra);
    line("xen_version", major + "." + minor + host.hypervisor_extra);
    line("xen_caps", host.capabilities);
    line("xen_scheduler", host.scheduler);
    number("xen_pagesize", host.page_size);
    line("platform_params", host.platform_params);
    line("xen_changeset", host.changeset);
    line("xen_commandline", host.commandline);
    line("cc_compiler", host.compiler);
    line("cc_compile_by", host.compiled_by);
    line("cc_compile_domain", host.compile_domain);
    line("cc_compile_date", host.compile_date);
    line("build_id", host.build_id);
    line("xend_config_format", "4");
}

std::string uptime_text(std::uint64_t uptime, bool short_form)
{
    const auto days = static_cast<unsigned long>(uptime / 86400);
    const auto hours = static_cast<unsigned>(uptime / 3600 % 24);
    const auto minutes = static_cast<unsigned>(uptime / 60 % 60);
    std::array<char, 64> text{};
    std::string out;
    if (days > 0)
        out = std::to_string(days) + (days > 1 ? " days, " : " day, ");
    std::snprintf(text.data(), text.size(), "%2u:%02u", hours, minutes);
    out += text.data();
    if (!short_form) {
        std::snprintf(text.data(), text.size(), ":%02u", static_cast<unsigned>(uptime % 60));
        out += text.data();
    }
    return out;
}

void xl_uptime(std::ostream& out, const rpc::DomainView& d, bool short_form, const std::string& now)
{
    const std::string up = uptime_text(d.uptime_s, short_form);
    if (short_form)
        put(out, " %s up %s, %s (%d)\n", now.c_str(), up.c_str(), d.name.c_str(), d.domid);
    else
        put(out, "%-33s %4d %s\n", d.name.c_str(), d.domid, up.c_str());
}

} // namespace zocalo::cli
