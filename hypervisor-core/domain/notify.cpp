// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/notify.hpp"

#include "hypervisor-core/domain/event_fifo.hpp"
#include "hypervisor-core/domain/run_state.hpp"

#include <atomic>

namespace zocalo::hv {
namespace {

constexpr unsigned kWordBits = 64;

// The guest changes the same words without our lock.
std::atomic_ref<xen_ulong_t> word(xen_ulong_t& value)
{
    return std::atomic_ref<xen_ulong_t>{value};
}

Vcpu* vcpu_of_port(const Domain& domain, EventPort port)
{
    const auto channel = domain.events.look(port);
    return channel ? domain.vcpu(channel->vcpu) : nullptr;
}

void select_and_tell(System& system, Domain& domain, EventPort port)
{
    Vcpu* const vcpu = vcpu_of_port(domain, port);
    if (vcpu == nullptr || vcpu->info == nullptr)
        return;
    const xen_ulong_t bit = xen_ulong_t{1} << (port.value / kWordBits);
    if ((word(vcpu->info->evtchn_pending_sel).fetch_or(bit) & bit) == 0)
        notify_vcpu(system, *vcpu);
}

// A vCPU that polls this port wakes even while the port is masked.
void wake_poller(System& system, Domain& domain, EventPort port)
{
    for (Vcpu* vcpu : domain.vcpus) {
        if (vcpu == nullptr || !vcpu->polls)
            continue;
        if (vcpu->polled_port != 0 && vcpu->polled_port != port.value)
            continue;
        vcpu->polls = false;
        unhold(system, *vcpu, Hold::blocked);
    }
}

} // namespace

void notify_vcpu(System& system, Vcpu& vcpu)
{
    std::atomic_ref<std::uint8_t>{vcpu.info->evtchn_upcall_pending}.store(1);
    if (vcpu.held(Hold::blocked)) {
        vcpu.polls = false;
        unhold(system, vcpu, Hold::blocked);
    } else if (vcpu.sched.running) {
        hal::kick(vcpu.sched.cpu);
    }
}

void notify_port(System& system, Domain& domain, EventPort port)
{
    if (domain.fifo.active) {
        if (fifo::set_pending(system, domain, port))
            wake_poller(system, domain, port);
        return;
    }
    const unsigned index = port.value / kWordBits;
    const xen_ulong_t bit = xen_ulong_t{1} << (port.value % kWordBits);
    if ((word(domain.shared->evtchn_pending[index]).fetch_or(bit) & bit) != 0)
        return;
    if ((word(domain.shared->evtchn_mask[index]).load() & bit) == 0)
        select_and_tell(system, domain, port);
    wake_poller(system, domain, port);
}

void forget_port(Domain& domain, EventPort port)
{
    if (domain.fifo.active) {
        fifo::clear_pending(domain, port);
        return;
    }
    const xen_ulong_t bit = xen_ulong_t{1} << (port.value % kWordBits);
    word(domain.shared->evtchn_pending[port.value / kWordBits]).fetch_and(~bit);
}

bool port_is_pending(const Domain& domain, EventPort port)
{
    if (domain.fifo.active)
        return fifo::is_pending(domain, port);
    return (word(domain.shared->evtchn_pending[port.value / kWordBits]).load() >>
                (port.value % kWordBits) &
            1) != 0;
}

void unmask_port(System& system, Domain& domain, EventPort port)
{
    if (domain.fifo.active) {
        fifo::unmask(system, domain, port);
        return;
    }
    const unsigned index = port.value / kWordBits;
    const xen_ulong_t bit = xen_ulong_t{1} << (port.value % kWordBits);
    const bool was_masked = (word(domain.shared->evtchn_mask[index]).fetch_and(~bit) & bit) != 0;
    if (was_masked && (word(domain.shared->evtchn_pending[index]).load() & bit) != 0)
        select_and_tell(system, domain, port);
}

void raise_virq(System& system, Domain& domain, std::uint32_t virq)
{
    for (unsigned id = 0; id < domain.vcpu_limit; ++id)
        if (const auto port = domain.events.find_virq(virq, id))
            notify_port(system, domain, *port);
}

void raise_vcpu_virq(System& system, Vcpu& vcpu, std::uint32_t virq)
{
    if (const auto port = vcpu.domain->events.find_virq(virq, vcpu.id))
        notify_port(system, *vcpu.domain, *port);
}

} // namespace zocalo::hv
