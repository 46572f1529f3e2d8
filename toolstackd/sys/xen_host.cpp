// SPDX-License-Identifier: Apache-2.0
// XenCalls::host: what `zl info` shows of the machine and the hypervisor (XENVER_*, physinfo).
#include "toolstackd/sys/xen_calls.hpp"

extern "C" { // Xen's library headers have no guard for C++
#include <xenctrl.h>
}

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/utsname.h>

namespace zocalo::toolstack {
namespace {

template <std::size_t N> std::string words(const char (&text)[N])
{
    return {text, strnlen(text, N)};
}

std::string hex(std::uint64_t value, int digits)
{
    std::array<char, 24> text{};
    const int n = std::snprintf(
        text.data(), text.size(), "%0*llx", digits, static_cast<unsigned long long>(value)
    );
    return {text.data(), static_cast<std::size_t>(n)};
}

std::string scheduler_name(int id)
{
    switch (id) {
    case XEN_SCHEDULER_CREDIT:
        return "credit";
    case XEN_SCHEDULER_CREDIT2:
        return "credit2";
    case XEN_SCHEDULER_ARINC653:
        return "arinc653";
    case XEN_SCHEDULER_RTDS:
        return "rtds";
    case XEN_SCHEDULER_NULL:
        return "null";
    default:
        return "unknown";
    }
}

std::string virtual_capabilities(std::uint32_t bits)
{
    const bool pv = (bits & XEN_SYSCTL_PHYSCAP_pv) != 0;
    const bool hvm = (bits & XEN_SYSCTL_PHYSCAP_hvm) != 0;
    const bool directio = (bits & XEN_SYSCTL_PHYSCAP_directio) != 0;
    struct Row {
        bool there;
        const char* name;
    };
    const Row rows[] = {
        {pv, "pv"},
        {hvm, "hvm"},
        {hvm && directio, "hvm_directio"},
        {pv && directio, "pv_directio"},
        {(bits & XEN_SYSCTL_PHYSCAP_hap) != 0, "hap"},
        {(bits & XEN_SYSCTL_PHYSCAP_shadow) != 0, "shadow"},
        {(bits & XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share) != 0, "iommu_hap_pt_share"},
        {(bits & XEN_SYSCTL_PHYSCAP_vmtrace) != 0, "vmtrace"},
        {(bits & XEN_SYSCTL_PHYSCAP_vpmu) != 0, "vpmu"},
        {(bits & XEN_SYSCTL_PHYSCAP_gnttab_v1) != 0, "gnttab-v1"},
        {(bits & XEN_SYSCTL_PHYSCAP_gnttab_v2) != 0, "gnttab-v2"},
    };
    std::string text;
    for (const Row& row : rows)
        if (row.there)
            text += (text.empty() ? "" : " ") + std::string(row.name);
    return text;
}

void add_machine(rpc::HostView& view)
{
    utsname name{};
    if (uname(&name) != 0)
        return;
    view.hostname = words(name.nodename);
    view.kernel = words(name.release);
    view.kernel_version = words(name.version);
    view.machine = words(name.machine);
}

// Each piece is optional: a hypervisor that keeps one to itself answers -EPERM.
void add_version(xc_interface* xc, rpc::HostView& view)
{
    const int version = xc_version(xc, XENVER_version, nullptr);
    if (version >= 0)
        view.hypervisor_version =
            std::to_string(version >> 16) + "." + std::to_string(version & 0xffff);
    xen_extraversion_t extra{};
    if (xc_version(xc, XENVER_extraversion, &extra) >= 0)
        view.hypervisor_extra = words(extra);
    xen_compile_info_t compiled{};
    if (xc_version(xc, XENVER_compile_info, &compiled) >= 0) {
        view.compiler = words(compiled.compiler);
        view.compiled_by = words(compiled.compile_by);
        view.compile_domain = words(compiled.compile_domain);
        view.compile_date = words(compiled.compile_date);
    }
    xen_capabilities_info_t capabilities{};
    if (xc_version(xc, XENVER_capabilities, &capabilities) >= 0)
        view.capabilities = words(capabilities);
    xen_changeset_info_t changeset{};
    if (xc_version(xc, XENVER_changeset, &changeset) >= 0)
        view.changeset = words(changeset);
    xen_platform_parameters_t platform{};
    if (xc_version(xc, XENVER_platform_parameters, &platform) >= 0)
        view.platform_params = "virt_start=0x" + hex(platform.virt_start, 1);
    xen_commandline_t commandline{};
    if (xc_version(xc, XENVER_commandline, &commandline) >= 0)
        view.commandline = words(commandline);
    const int page_size = xc_version(xc, XENVER_pagesize, nullptr);
    if (page_size > 0)
        view.page_size = static_cast<std::uint32_t>(page_size);
}

// xen_build_id_t ends in a flexible array: header and room are one buffer here.
void add_build_id(xc_interface* xc, rpc::HostView& view)
{
    constexpr std::uint32_t kRoom = 64;
    alignas(xen_build_id_t) std::array<unsigned char, sizeof(xen_build_id_t) + kRoom> buffer{};
    std::memcpy(buffer.data(), &kRoom, sizeof(kRoom)); // .len
    const int n = xc_version(xc, XENVER_build_id, buffer.data());
    for (std::size_t i = 0; n > 0 && i < std::min<std::size_t>(static_cast<std::size_t>(n), kRoom);
         ++i)
        view.build_id += hex(buffer[sizeof(xen_build_id_t) + i], 2);
}

// pCPUs that belong to no cpupool, and what sharing pages spares: zero where Xen does not tell.
void add_pools_and_sharing(xc_interface* xc, rpc::HostView& view)
{
    const std::unique_ptr<std::uint8_t, decltype(&std::free)> map{
        xc_cpupool_freeinfo(xc), &std::free};
    const int bytes = xc_get_cpumap_size(xc);
    for (int i = 0; map != nullptr && i < bytes; ++i)
        view.free_cpus += static_cast<std::uint32_t>(std::popcount(map.get()[i]));
    const auto kib = [](long pages) {
        return pages > 0 ? static_cast<std::uint64_t>(pages) * (kPageSize / 1024) : 0;
    };
    view.sharing_freed_kib = kib(xc_sharing_freed_pages(xc));
    view.sharing_used_kib = kib(xc_sharing_used_frames(xc));
}

} // namespace

Outcome<rpc::HostView> XenCalls::host()
{
    rpc::HostView view;
    xc_physinfo_t info{};
    if (xc_physinfo(xc_, &info) != 0)
        return xen_error("ask for the host's resources", std::nullopt, errno);
    view.cpus = info.nr_cpus;
    view.max_cpu_id = info.max_cpu_id;
    view.nodes = info.nr_nodes;
    view.cores_per_socket = info.cores_per_socket;
    view.threads_per_core = info.threads_per_core;
    view.cpu_mhz = info.cpu_khz / 1000;
    view.cpu_khz = info.cpu_khz;
    for (const std::uint32_t word : info.hw_cap)
        view.hw_caps += (view.hw_caps.empty() ? "" : ":") + hex(word, 8);
    view.virt_caps = virtual_capabilities(info.capabilities);
    constexpr std::uint64_t kKib = kPageSize / 1024;
    view.total_memory_kib = info.total_pages * kKib;
    view.free_memory_kib = (info.free_pages + info.scrub_pages) * kKib;
    view.outstanding_claims_kib = info.outstanding_pages * kKib;
    int scheduler = 0;
    if (xc_sched_id(xc_, &scheduler) == 0)
        view.scheduler = scheduler_name(scheduler);
    add_machine(view);
    add_version(xc_, view);
    add_build_id(xc_, view);
    add_pools_and_sharing(xc_, view);
    return view;
}

} // namespace zocalo::toolstack
