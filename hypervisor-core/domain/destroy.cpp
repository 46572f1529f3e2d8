// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/destroy.hpp"

#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/event_fifo.hpp"
#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/domain/own_memory.hpp"
#include "hypervisor-core/domain/pirq.hpp"
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/grant/grant_map.hpp"
#include "hypervisor-core/mm/audit.hpp"
#include "hypervisor-core/pv/local_table.hpp"

namespace zocalo::hv {
namespace {

constexpr unsigned kRoot = 4; // level of the top table
// Work of one step: frames, channels or mappings.
constexpr unsigned kStep = 256;

void next_stage(Domain& domain, EndStage stage)
{
    domain.end_stage = stage;
    domain.end_progress = 0;
}

void tell_tools(System& system)
{
    if (Domain* const dom0 = system.domain(kDom0); dom0 != nullptr)
        raise_virq(system, *dom0, VIRQ_DOM_EXC);
}

// From now on it runs nowhere and gets nothing more.
bool stop(System& system, Domain& domain)
{
    if (!domain.dying) {
        domain.dying = true;
        domain.memory.limit = 0;
        pause_domain(system, domain);
    }
    for (const Vcpu* vcpu : domain.vcpus)
        if (vcpu != nullptr && !settle(system, *vcpu))
            return false;
    return true;
}

void close_channel(System& system, Domain& domain, EventPort port)
{
    const auto was = domain.events.close(port);
    if (!was)
        return;
    if (was->state == Channel::State::pirq)
        stop_pirq(system, was->number);
    if (was->state == Channel::State::interdomain)
        if (Domain* const remote = system.domain(was->remote); remote != nullptr)
            remote->events.disconnect(EventPort{was->number});
}

bool close_channels(System& system, Domain& domain)
{
    for (unsigned done = 0; domain.end_progress < domain.events.ports(); ++done) {
        if (done == kStep)
            return false;
        close_channel(system, domain, EventPort{domain.end_progress++});
    }
    return true;
}

// The uses of tables a vCPU has. False while the end of one is under way.
bool put_tables(System& system, Vcpu& vcpu)
{
    PvState& pv = vcpu.pv;
    if (pv.ending_table != Mfn{} && !system.tables.finish(pv.ending_table))
        return false;
    pv.ending_table = Mfn{};
    for (Mfn* table : {&pv.kernel_table, &pv.user_table}) {
        if (system.tables.has_leftover())
            return false;
        if (*table != Mfn{})
            system.tables.put_table(*table, kRoot);
        *table = Mfn{};
    }
    return !system.tables.has_leftover();
}

// The references a vCPU holds; its own memory stays until the domain's does. May be called again.
bool empty_vcpu(System& system, Vcpu& vcpu)
{
    for (Timer* timer : {&vcpu.one_shot, &vcpu.periodic, &vcpu.poll_timeout})
        TimerQueue::cancel(*timer);
    system.scheduler.forget(vcpu.sched);
    PvState& pv = vcpu.pv;
    put_gdt(system, pv.gdt);
    pv.gdt = {};
    pv::forget_local_pages(system, vcpu);
    pv.ldt_entries = 0;
    vcpu.info = nullptr;
    vcpu.runstate_area = 0;
    vcpu.initialised = false;
    if (vcpu.info_frame != Mfn{}) {
        system.memory.frames().put_writable(vcpu.info_frame);
        system.memory.put(vcpu.info_frame);
        vcpu.info_frame = Mfn{};
    }
    return put_tables(system, vcpu);
}

bool empty_vcpus(System& system, Domain& domain)
{
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu != nullptr && !empty_vcpu(system, *vcpu))
            return false;
    return true;
}

void release_frame(System& system, Domain& domain, Mfn mfn)
{
    FrameTable& frames = system.memory.frames();
    system.tables.let_go(mfn);
    system.memory.release(mfn, domain.memory);
    // Somebody else still maps it: nobody's, so that a later domain of this number cannot have it.
    if (frames[mfn].owner == domain.id)
        frames[mfn].owner = kNobody;
}

bool release_memory(System& system, Domain& domain)
{
    for (unsigned done = 0; domain.memory.first != kNoFrame; ++done) {
        if (done == kStep || system.tables.has_leftover())
            return false;
        release_frame(system, domain, Mfn{domain.memory.first});
    }
    return true;
}

bool end_mappings(System& system, Domain& domain)
{
    for (unsigned done = 0; domain.end_progress < domain.mappings.end(); ++done) {
        if (done == kStep)
            return false;
        const grant_handle_t handle = domain.end_progress++;
        const Mapping* const mapping = domain.mappings.find(handle);
        if (mapping == nullptr)
            continue;
        const DomId granter = mapping->granter;
        if (Domain* const owner = system.domain(granter); owner != nullptr)
            abandon_mapping(system.memory, domain.mappings, owner->grants, handle);
        if (granter != domain.id)
            bury_if_dead(system, granter);
    }
    return true;
}

void audit_in_debug_builds([[maybe_unused]] System& system)
{
#ifndef NDEBUG
    if (const auto sound = audit_and_tell(system.memory); sound && !*sound)
        panic("a page table says what was never counted: see above");
#endif
}

void bury(System& system, Domain& domain)
{
    Memory& memory = system.memory;
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu != nullptr)
            unmake(memory, vcpu);
    if (!domain.cpuid.is_empty())
        memory.free(own_frame(domain.cpuid.take_page()), 0);
    domain.mappings.release(memory);
    domain.grants.release(memory);
    while (Channel* const bucket = domain.events.take_bucket())
        memory.free(own_frame(bucket), 0);
    if (memory.frames()[domain.shared_frame].refs > 1)
        memory.frames()[domain.shared_frame].owner = kNobody;
    memory.put(domain.shared_frame);
    system.domains[domain.id.value] = nullptr;
    unmake(memory, &domain);
}

} // namespace

bool destroy_step(System& system, Domain& domain)
{
    switch (domain.end_stage) {
    case EndStage::alive:
        if (stop(system, domain))
            next_stage(domain, EndStage::channels);
        return false;
    case EndStage::channels:
        if (close_channels(system, domain))
            next_stage(domain, EndStage::vcpus);
        return false;
    case EndStage::vcpus:
        fifo::leave(system, domain);
        if (empty_vcpus(system, domain))
            next_stage(domain, EndStage::memory);
        return false;
    case EndStage::memory:
        if (release_memory(system, domain))
            next_stage(domain, EndStage::mappings);
        return false;
    case EndStage::mappings:
        if (!end_mappings(system, domain))
            return false;
        next_stage(domain, EndStage::over);
        audit_in_debug_builds(system);
        tell_tools(system);
        bury_if_dead(system, domain.id);
        return true;
    case EndStage::over:
        return true;
    }
    return true;
}

void bury_if_dead(System& system, DomId id)
{
    Domain* const domain = system.domain(id);
    if (domain == nullptr || domain->end_stage != EndStage::over || domain->grants.in_use() != 0)
        return;
    bury(system, *domain);
    tell_tools(system);
}

} // namespace zocalo::hv
