// SPDX-License-Identifier: Apache-2.0
// Domctls that make, stop and end domains.
#include "hypervisor-core/domain/destroy.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/hypercall/domctl.hpp"

#include <algorithm>

namespace zocalo::hv {
namespace {

// The number asked for, or the next one that is free: numbers come round as late as possible,
// since tools remember them.
Result<DomId> choose_number(System& system, std::uint16_t wanted)
{
    if (wanted != 0 && wanted < kFirstReservedDomId) {
        if (wanted >= kMaxDomains)
            return Errno::inval;
        return system.domains[wanted] == nullptr ? Result<DomId>{DomId{wanted}} : Errno::exist;
    }
    for (unsigned tried = 1; tried < kMaxDomains; ++tried) {
        const unsigned number = (system.last_domain.value + tried) % kMaxDomains;
        if (number != 0 && system.domains[number] == nullptr)
            return system.last_domain = DomId{static_cast<std::uint16_t>(number)};
    }
    return Errno::nomem;
}

// Negative: as many as there can be.
constexpr unsigned limit_of(std::int32_t asked, unsigned most)
{
    return asked < 0 ? most : std::min(static_cast<unsigned>(asked), most);
}

Result<Unit> check(const xen_domctl_createdomain& config)
{
    constexpr std::uint32_t kHardwareKinds = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap |
                                             XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_nested_virt |
                                             XEN_DOMCTL_CDF_vpmu;
    if ((config.flags & kHardwareKinds) != 0) // paravirtual domains only
        return Errno::inval;
    if (config.flags > (XEN_DOMCTL_CDF_MAX << 1) - 1 || config.vmtrace_size != 0)
        return Errno::inval;
    if (config.max_vcpus == 0 || config.max_vcpus > kMaxVcpus)
        return Errno::range;
    if (config.grant_opts == 0 ||
        config.grant_opts > GrantTable::kNewest) // a version, nothing else
        return Errno::inval;
    if (config.cpupool_id != 0 || config.arch.emulation_flags != 0)
        return Errno::inval;
    return Unit{};
}

} // namespace

Answer domctl::create(Domctl& ctl)
{
    const xen_domctl_createdomain& config = ctl.op.u.createdomain;
    TRY(check(config));
    const DomId id = TRY(choose_number(ctl.system(), ctl.op.domain));
    Domain& domain = *TRY(create_domain(ctl.system(), id, config.max_vcpus));
    domain.tool_pauses = 1;
    domain.security_label = config.ssidref;
    std::copy(std::begin(config.handle), std::end(config.handle), domain.handle.begin());
    domain.grants.start(
        id,
        limit_of(config.max_grant_frames, GrantTable::kMaxFrames),
        XEN_DOMCTL_GRANT_version(config.grant_opts)
    );
    domain.events.set_limit(
        limit_of(static_cast<std::int32_t>(config.max_evtchn_port), EventTable::kMaxPorts - 1)
    );
    domain.mappings.start(limit_of(config.max_maptrack_frames, MapTrack::kMaxFrames));
    ctl.op.domain = id.value;
    return ctl.with_answer();
}

Answer domctl::destroy(Domctl& ctl)
{
    constexpr unsigned kStepsAtOnce = 8;
    for (unsigned step = 0; step < kStepsAtOnce && !ctl.system().tables.has_leftover(); ++step)
        if (destroy_step(ctl.system(), *ctl.domain))
            return 0;
    return ctl.call.again(ctl.call.arguments);
}

Answer domctl::pause(Domctl& ctl)
{
    ++ctl.domain->tool_pauses;
    pause_domain(ctl.system(), *ctl.domain);
    return 0;
}

Answer domctl::unpause(Domctl& ctl)
{
    if (ctl.domain->tool_pauses == 0 || ctl.domain->dying)
        return Errno::inval;
    --ctl.domain->tool_pauses;
    unpause_domain(ctl.system(), *ctl.domain);
    return 0;
}

// A domain that stopped itself (for a suspend that is not to be) goes on.
Answer domctl::resume(Domctl& ctl)
{
    Domain& domain = *ctl.domain;
    if (domain.dying)
        return Errno::inval;
    if (!domain.shut_down)
        return 0;
    domain.shut_down = false;
    unpause_domain(ctl.system(), domain);
    return 0;
}

Answer domctl::max_vcpus(Domctl& ctl)
{
    Domain& domain = *ctl.domain;
    if (ctl.op.u.max_vcpus.max != domain.vcpu_limit || domain.dying)
        return Errno::inval;
    for (unsigned id = 0; id < domain.vcpu_limit; ++id)
        if (domain.vcpus[id] == nullptr)
            TRY(create_vcpu(ctl.system(), domain, id, id % ctl.system().cpu_count));
    return 0;
}

Answer domctl::set_handle(Domctl& ctl)
{
    const auto& handle = ctl.op.u.setdomainhandle.handle;
    std::copy(std::begin(handle), std::end(handle), ctl.domain->handle.begin());
    return 0;
}

} // namespace zocalo::hv
