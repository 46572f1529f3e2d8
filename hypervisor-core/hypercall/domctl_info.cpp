// SPDX-License-Identifier: Apache-2.0
// Domctls that tell how a domain is, and those that set what cannot be otherwise here.
#include "hypervisor-core/hypercall/domctl.hpp"

#include <algorithm>

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kAddressBits = 64;

std::uint32_t flags_of(const Domain& domain)
{
    bool running = false;
    bool blocked = true;
    for (const Vcpu* vcpu : domain.vcpus) {
        if (vcpu == nullptr || vcpu->held(Hold::offline))
            continue;
        running = running || vcpu->sched.running;
        blocked = blocked && vcpu->held(Hold::blocked);
    }
    return (domain.dying ? XEN_DOMINF_dying : 0U) | (domain.shut_down ? XEN_DOMINF_shutdown : 0U) |
           (domain.tool_pauses != 0 ? XEN_DOMINF_paused : 0U) |
           (blocked ? XEN_DOMINF_blocked : 0U) | (running ? XEN_DOMINF_running : 0U) |
           (domain.shut_down
                ? (domain.shutdown_reason & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift
                : 0U);
}

} // namespace

std::uint64_t time_run(const Vcpu& vcpu)
{
    const vcpu_runstate_info& run = vcpu.runstate;
    const std::uint64_t now = hal::now();
    const bool runs = run.state == RUNSTATE_running && now > run.state_entry_time;
    return run.time[RUNSTATE_running] + (runs ? now - run.state_entry_time : 0);
}

xen_domctl_getdomaininfo describe(const Domain& domain)
{
    xen_domctl_getdomaininfo info{};
    info.domain = domain.id.value;
    info.flags = flags_of(domain);
    info.tot_pages = domain.memory.count;
    info.max_pages = domain.memory.limit;
    info.outstanding_pages =
        domain.claimed > domain.memory.count ? domain.claimed - domain.memory.count : 0;
    info.shared_info_frame = domain.shared_frame.value;
    info.max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for (const Vcpu* vcpu : domain.vcpus) {
        if (vcpu == nullptr)
            continue;
        info.max_vcpu_id = vcpu->id;
        info.nr_online_vcpus += vcpu->held(Hold::offline) ? 0U : 1U;
        info.cpu_time += time_run(*vcpu);
    }
    info.ssidref = domain.security_label;
    std::copy(domain.handle.begin(), domain.handle.end(), std::begin(info.handle));
    info.gpaddr_bits = kAddressBits;
    return info;
}

// Of the domain, or of the next one above when there is none of that number.
Answer domctl::info(Domctl& ctl)
{
    if (ctl.op.domain >= kFirstReservedDomId)
        return Errno::inval;
    for (std::size_t id = ctl.op.domain; id < kMaxDomains; ++id)
        if (const Domain* const domain = ctl.system().domains[id]; domain != nullptr) {
            ctl.op.u.getdomaininfo = describe(*domain);
            ctl.op.domain = domain->id.value;
            return ctl.with_answer();
        }
    return Errno::srch;
}

Answer domctl::vcpu_info(Domctl& ctl)
{
    xen_domctl_getvcpuinfo& out = ctl.op.u.getvcpuinfo;
    if (out.vcpu >= ctl.domain->vcpu_limit)
        return Errno::inval;
    const Vcpu* const vcpu = ctl.domain->vcpu(out.vcpu);
    if (vcpu == nullptr)
        return Errno::srch;
    out.online = vcpu->held(Hold::offline) ? 0 : 1;
    out.blocked = vcpu->held(Hold::blocked) ? 1 : 0;
    out.running = vcpu->sched.running ? 1 : 0;
    out.cpu_time = time_run(*vcpu);
    out.cpu = vcpu->sched.cpu;
    return ctl.with_answer();
}

Answer domctl::set_address_size(Domctl& ctl)
{
    return ctl.op.u.address_size.size == kAddressBits ? Answer{0} : Answer{Errno::inval};
}

Answer domctl::get_address_size(Domctl& ctl)
{
    ctl.op.u.address_size.size = kAddressBits;
    return ctl.with_answer();
}

// The guest reads the time stamp counter itself in every mode: it is the same everywhere.
Answer domctl::set_tsc_info(Domctl& ctl)
{
    constexpr std::uint32_t kModes = 4;
    return ctl.op.u.tsc_info.tsc_mode < kModes ? Answer{0} : Answer{Errno::inval};
}

Answer domctl::get_tsc_info(Domctl& ctl)
{
    constexpr std::uint64_t kKilo = 1000;
    ctl.op.u.tsc_info = {};
    ctl.op.u.tsc_info.gtsc_khz = static_cast<std::uint32_t>(ctl.system().tsc_hertz / kKilo);
    ctl.op.u.tsc_info.elapsed_nsec = hal::now();
    return ctl.with_answer();
}

Answer domctl::accept(Domctl&)
{
    return 0;
}

} // namespace zocalo::hv
