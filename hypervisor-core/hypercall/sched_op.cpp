// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_sched_op: a vCPU gives up the processor, waits, or ends its domain.
#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

#include <xen/sched.h>

#include <atomic>

namespace zocalo::hv {
namespace {

Answer yield(Call& call)
{
    call.system.scheduler.yield(call.vcpu.sched);
    call.system.cpus[call.vcpu.sched.cpu].choose = true;
    return 0;
}

Answer block(Call& call)
{
    vcpu_info& info = *call.vcpu.info;
    info.evtchn_upcall_mask = 0;
    if (std::atomic_ref<std::uint8_t>{info.evtchn_upcall_pending}.load() == 0)
        hold(call.system, call.vcpu, Hold::blocked);
    return 0;
}

Answer shutdown(Call& call)
{
    const auto args = TRY(call.ref<sched_shutdown>(1).copy_in());
    shut_down(call.system, call.domain(), args.reason);
    return 0;
}

Answer poll(Call& call)
{
    const auto args = TRY(call.ref<sched_poll>(1).copy_in());
    Domain& domain = call.domain();
    Vcpu& vcpu = call.vcpu;
    constexpr unsigned kMostPorts = 128;
    if (args.nr_ports > kMostPorts)
        return Errno::inval;
    std::uint32_t port = 0;
    for (unsigned i = 0; i < args.nr_ports; ++i) {
        port = TRY(GuestArray<evtchn_port_t>{address_of(args.ports)}[i].copy_in());
        if (!domain.events.is_valid(EventPort{port}))
            return Errno::inval;
        if (port_is_pending(domain, EventPort{port}))
            return 0;
    }
    if (std::atomic_ref<std::uint8_t>{vcpu.info->evtchn_upcall_pending}.load() != 0 &&
        vcpu.info->evtchn_upcall_mask == 0)
        return 0;
    vcpu.polls = true;
    vcpu.polled_port = args.nr_ports == 1 ? port : 0;
    if (args.timeout != 0)
        call.system.cpus[vcpu.sched.cpu].timers.arm(vcpu.poll_timeout, args.timeout);
    hold(call.system, vcpu, Hold::blocked);
    return 0;
}

Answer remote_shutdown(Call& call)
{
    const auto args = TRY(call.ref<sched_remote_shutdown>(1).copy_in());
    Domain& domain = *TRY(policy::resolve(call.system, call.domain(), args.domain_id));
    if (&domain == &call.domain())
        return Errno::inval;
    if (!domain.shut_down)
        shut_down(call.system, domain, args.reason);
    return 0;
}

} // namespace

Answer hypercall::sched_op(Call& call)
{
    switch (call.arguments[0]) {
    case SCHEDOP_yield:
        return yield(call);
    case SCHEDOP_block:
        return block(call);
    case SCHEDOP_shutdown:
        return shutdown(call);
    case SCHEDOP_poll:
        return poll(call);
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(call);
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
