// SPDX-License-Identifier: Apache-2.0
// Sysctls about the machine: processors and memory. One node; each processor is a core of one
// socket.
#include "hypervisor-core/hypercall/cpu_policy.hpp"
#include "hypervisor-core/hypercall/domctl.hpp"
#include "hypervisor-core/hypercall/sysctl.hpp"

#include <algorithm>

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kRam = 1;   // the type in a memory map
constexpr std::uint32_t kNear = 10; // distance of a node to itself

std::uint64_t ram_bytes(const System& system)
{
    std::uint64_t bytes = 0;
    for (const MemoryRange& range : system.boot.memory())
        bytes += range.type == kRam ? range.end - range.start : 0;
    return bytes;
}

std::uint64_t claimed_frames(const System& system)
{
    std::uint64_t sum = 0;
    for (const Domain* domain : system.domains)
        if (domain != nullptr && domain->claimed > domain->memory.count)
            sum += domain->claimed - domain->memory.count;
    return sum;
}

} // namespace

Answer sysctl::physical_info(Sysctl& ctl)
{
    constexpr std::uint64_t kKilo = 1000;
    const System& system = ctl.system();
    xen_sysctl_physinfo& out = ctl.op.u.physinfo;
    out = {};
    out.threads_per_core = 1;
    out.cores_per_socket = system.cpu_count;
    out.nr_cpus = system.cpu_count;
    out.max_cpu_id = system.cpu_count - 1;
    out.nr_nodes = 1;
    out.cpu_khz = static_cast<std::uint32_t>(system.tsc_hertz / kKilo);
    out.capabilities =
        XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2;
    out.total_pages = ram_bytes(system) >> kPageShift;
    out.free_pages = system.memory.buddy().free_frames();
    out.outstanding_pages = claimed_frames(system);
    out.max_mfn = system.memory.frames().size() - 1;
    for (unsigned i = 0; i < std::size(out.hw_cap); ++i)
        out.hw_cap[i] = feature_word(ctl.call, i);
    return ctl.with_answer();
}

Answer sysctl::cpu_topology(Sysctl& ctl)
{
    xen_sysctl_cputopoinfo& args = ctl.op.u.cputopoinfo;
    const GuestArray<xen_sysctl_cputopo> items{address_of(args.cputopo)};
    const std::uint32_t count = ctl.system().cpu_count;
    if (!items.is_null())
        for (std::uint32_t cpu = 0; cpu < std::min(args.num_cpus, count); ++cpu)
            TRY(items[cpu].copy_out({.core = cpu, .socket = 0, .node = 0}));
    args.num_cpus = items.is_null() ? count : std::min(args.num_cpus, count);
    return ctl.with_answer();
}

Answer sysctl::numa_info(Sysctl& ctl)
{
    xen_sysctl_numainfo& args = ctl.op.u.numainfo;
    const GuestRef<xen_sysctl_meminfo> memory{address_of(args.meminfo)};
    const GuestRef<std::uint32_t> distance{address_of(args.distance)};
    const std::uint32_t asked = args.num_nodes;
    args.num_nodes = 1;
    if (asked != 0 && !memory.is_null())
        TRY(memory.copy_out(
            {ram_bytes(ctl.system()), ctl.system().memory.buddy().free_frames() << kPageShift}
        ));
    if (asked != 0 && !distance.is_null())
        TRY(distance.copy_out(kNear));
    return ctl.with_answer();
}

Answer sysctl::available_heap(Sysctl& ctl)
{
    xen_sysctl_availheap& args = ctl.op.u.availheap;
    if (args.node > 0)
        return Errno::inval;
    args.avail_bytes = ctl.system().memory.buddy().free_frames() << kPageShift;
    return ctl.with_answer();
}

// Time processors were idle: what no vCPU used of it.
Answer sysctl::cpu_times(Sysctl& ctl)
{
    xen_sysctl_getcpuinfo& args = ctl.op.u.getcpuinfo;
    const GuestArray<xen_sysctl_cpuinfo> items{address_of(args.info)};
    const System& system = ctl.system();
    args.nr_cpus = std::min(args.max_cpus, system.cpu_count);
    for (std::uint32_t cpu = 0; cpu < args.nr_cpus; ++cpu) {
        std::uint64_t used = 0;
        for (const Domain* domain : system.domains)
            for (unsigned id = 0; domain != nullptr && id < domain->vcpu_limit; ++id)
                if (const Vcpu* vcpu = domain->vcpus[id]; vcpu != nullptr && vcpu->sched.cpu == cpu)
                    used += time_run(*vcpu);
        const std::uint64_t now = hal::now();
        TRY(items[cpu].copy_out({now > used ? now - used : 0}));
    }
    return ctl.with_answer();
}

} // namespace zocalo::hv
