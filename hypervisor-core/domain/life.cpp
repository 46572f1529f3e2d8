// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/life.hpp"

#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/guest_time.hpp"
#include "hypervisor-core/domain/own_memory.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/pv/extended_state.hpp"

#include <xen/sched.h>

#include <new>

namespace zocalo::hv {
namespace {

// Before a guest asks for upcalls it must not get any.
void mask_all_events(shared_info& shared)
{
    for (vcpu_info& info : shared.vcpu_info)
        info.evtchn_upcall_mask = 1;
    for (xen_ulong_t& word : shared.evtchn_mask)
        word = ~xen_ulong_t{0};
}

} // namespace

Result<Domain*> create_domain(System& system, DomId id, unsigned vcpu_limit)
{
    if (id.value >= kMaxDomains || system.domains[id.value] != nullptr)
        return Errno::exist;
    if (vcpu_limit == 0 || vcpu_limit > kMaxVcpus)
        return Errno::inval;
    Domain& domain = *TRY(make<Domain>(system.memory));
    domain.id = id;
    domain.memory.owner = id;
    domain.vcpu_limit = vcpu_limit;
    domain.pauses = 1;
    domain.grants.start(id, GrantTable::kMaxFrames);
    domain.mappings.start(MapTrack::kMaxFrames);
    const auto shared = system.memory.lend_to(id);
    if (!shared) {
        unmake(system.memory, &domain);
        return shared.error();
    }
    domain.shared_frame = *shared;
    domain.shared = reinterpret_cast<shared_info*>(hal::frame_bytes(domain.shared_frame));
    mask_all_events(*domain.shared);
    publish_wall_clock(system, domain);
    system.domains[id.value] = &domain;
    return &domain;
}

Result<Vcpu*> create_vcpu(System& system, Domain& domain, unsigned id, unsigned cpu)
{
    if (id >= domain.vcpu_limit || domain.vcpus[id] != nullptr)
        return Errno::inval;
    Vcpu& vcpu = *TRY(make<Vcpu>(system.memory));
    vcpu.domain = &domain;
    vcpu.id = id;
    vcpu.sched.cpu = cpu;
    vcpu.sched.group = &domain.sched;
    if (id < XEN_LEGACY_MAX_VCPUS)
        vcpu.info = &domain.shared->vcpu_info[id];
    vcpu.runstate.state = RUNSTATE_offline;
    vcpu.runstate.state_entry_time = hal::now();
    if (domain.pauses != 0)
        hold(system, vcpu, Hold::paused);
    pv::start_fpu(vcpu.pv);
    domain.vcpus[id] = &vcpu;
    return &vcpu;
}

Result<Unit> make_event_room(System& system, Domain& domain)
{
    if (domain.events.has_room())
        return Unit{};
    const Mfn frame = TRY(system.memory.allocate());
    auto* const channels = reinterpret_cast<Channel*>(hal::frame_bytes(frame));
    domain.events.add_bucket(std::span<Channel, EventTable::kPortsPerBucket>{
        channels, EventTable::kPortsPerBucket});
    return Unit{};
}

void crash_domain(System& system, Domain& domain)
{
    log("domain ", domain.id.value, " has crashed");
    shut_down(system, domain, SHUTDOWN_crash);
}

} // namespace zocalo::hv
