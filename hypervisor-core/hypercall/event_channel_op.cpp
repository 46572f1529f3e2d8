// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_event_channel_op: the guest-visible edge of event/. This file decodes, checks and
// answers; event/ holds the rules and never sees guest memory. FIFO channels: event_fifo_op.cpp.
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/domain/pirq.hpp"
#include "hypervisor-core/hypercall/event_ops.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

#include <xen/event_channel.h>

namespace zocalo::hv {
namespace {

constexpr bool is_global(std::uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

Answer alloc_unbound(Call& call)
{
    auto args = TRY(call.ref<evtchn_alloc_unbound>(1).copy_in());
    Domain& domain = *TRY(policy::resolve(call.system, call.domain(), args.dom));
    const std::uint16_t remote =
        args.remote_dom == DOMID_SELF ? call.domain().id.value : args.remote_dom;
    TRY(make_event_room(call.system, domain));
    args.port = TRY(domain.events.alloc_unbound(DomId{remote})).value;
    return call.ref<evtchn_alloc_unbound>(1).copy_out(args);
}

Answer bind_interdomain(Call& call)
{
    auto args = TRY(call.ref<evtchn_bind_interdomain>(1).copy_in());
    Domain& self = call.domain();
    Domain& remote = *TRY(policy::peer(call.system, self, args.remote_dom));
    TRY(make_event_room(call.system, self));
    const EventPort port = TRY(
        self.events.bind_interdomain(self.id, remote.events, remote.id, EventPort{args.remote_port})
    );
    args.local_port = port.value;
    TRY(call.ref<evtchn_bind_interdomain>(1).copy_out(args));
    // Whatever was sent before somebody listened.
    notify_port(call.system, self, port);
    return 0;
}

Answer bind_virq(Call& call)
{
    auto args = TRY(call.ref<evtchn_bind_virq>(1).copy_in());
    if (args.virq >= NR_VIRQS || (is_global(args.virq) && args.vcpu != 0))
        return Errno::inval;
    if (call.domain().vcpu(args.vcpu) == nullptr)
        return Errno::noent;
    TRY(make_event_room(call.system, call.domain()));
    args.port = TRY(call.domain().events.bind_virq(args.virq, args.vcpu)).value;
    return call.ref<evtchn_bind_virq>(1).copy_out(args);
}

Answer bind_ipi(Call& call)
{
    auto args = TRY(call.ref<evtchn_bind_ipi>(1).copy_in());
    if (call.domain().vcpu(args.vcpu) == nullptr)
        return Errno::noent;
    TRY(make_event_room(call.system, call.domain()));
    args.port = TRY(call.domain().events.bind_ipi(args.vcpu)).value;
    return call.ref<evtchn_bind_ipi>(1).copy_out(args);
}

Answer bind_pirq(Call& call)
{
    auto args = TRY(call.ref<evtchn_bind_pirq>(1).copy_in());
    Domain& domain = call.domain();
    if (!domain.privileged)
        return Errno::perm;
    TRY(make_event_room(call.system, domain));
    const EventPort port = TRY(domain.events.bind_pirq(args.pirq));
    if (const auto bound = start_pirq(call.system, domain, args.pirq, port); !bound) {
        static_cast<void>(domain.events.close(port));
        return bound.error();
    }
    args.port = port.value;
    return call.ref<evtchn_bind_pirq>(1).copy_out(args);
}

Answer close(Call& call)
{
    const auto args = TRY(call.ref<evtchn_close>(1).copy_in());
    return close_event_channel(call.system, call.domain(), EventPort{args.port});
}

Answer send(Call& call)
{
    const auto args = TRY(call.ref<evtchn_send>(1).copy_in());
    Domain& domain = call.domain();
    const EventTarget target = TRY(domain.events.send(domain.id, EventPort{args.port}));
    Domain* const to = call.system.domain(target.domain);
    if (to != nullptr && target.port != EventPort{})
        notify_port(call.system, *to, target.port);
    return 0;
}

Answer status(Call& call)
{
    auto args = TRY(call.ref<evtchn_status>(1).copy_in());
    const Domain& domain = *TRY(policy::resolve(call.system, call.domain(), args.dom));
    if (!domain.events.is_valid(EventPort{args.port}))
        return Errno::inval;
    const auto channel = domain.events.look(EventPort{args.port});
    args.status = channel ? static_cast<std::uint32_t>(channel->state) : EVTCHNSTAT_closed;
    args.vcpu = channel ? channel->vcpu : 0;
    switch (args.status) {
    case EVTCHNSTAT_unbound:
        args.u.unbound.dom = channel->remote.value;
        break;
    case EVTCHNSTAT_interdomain:
        args.u.interdomain.dom = channel->remote.value;
        args.u.interdomain.port = channel->number;
        break;
    case EVTCHNSTAT_pirq:
        args.u.pirq = channel->number;
        break;
    case EVTCHNSTAT_virq:
        args.u.virq = channel->number;
        break;
    default:
        break;
    }
    return call.ref<evtchn_status>(1).copy_out(args);
}

Answer bind_vcpu(Call& call)
{
    const auto args = TRY(call.ref<evtchn_bind_vcpu>(1).copy_in());
    Domain& domain = call.domain();
    if (domain.vcpu(args.vcpu) == nullptr)
        return Errno::noent;
    const auto channel = TRY(domain.events.look(EventPort{args.port}));
    if (channel.state == Channel::State::virq && !is_global(channel.number))
        return Errno::inval;
    return domain.events.bind_vcpu(EventPort{args.port}, args.vcpu);
}

Answer unmask(Call& call)
{
    const auto args = TRY(call.ref<evtchn_unmask>(1).copy_in());
    if (!call.domain().events.is_valid(EventPort{args.port}))
        return Errno::inval;
    unmask_port(call.system, call.domain(), EventPort{args.port});
    return 0;
}

} // namespace

Result<Unit> close_event_channel(System& system, Domain& domain, EventPort port)
{
    const Channel was = TRY(domain.events.close(port));
    forget_port(domain, port);
    if (was.state == Channel::State::pirq)
        stop_pirq(system, was.number);
    if (was.state == Channel::State::interdomain)
        if (Domain* const remote = system.domain(was.remote); remote != nullptr)
            remote->events.disconnect(EventPort{was.number});
    return Unit{};
}

Answer hypercall::event_channel_op(Call& call)
{
    switch (call.arguments[0]) {
    case EVTCHNOP_alloc_unbound:
        return alloc_unbound(call);
    case EVTCHNOP_bind_interdomain:
        return bind_interdomain(call);
    case EVTCHNOP_bind_virq:
        return bind_virq(call);
    case EVTCHNOP_bind_ipi:
        return bind_ipi(call);
    case EVTCHNOP_bind_pirq:
        return bind_pirq(call);
    case EVTCHNOP_close:
        return close(call);
    case EVTCHNOP_send:
        return send(call);
    case EVTCHNOP_status:
        return status(call);
    case EVTCHNOP_bind_vcpu:
        return bind_vcpu(call);
    case EVTCHNOP_unmask:
        return unmask(call);
    case EVTCHNOP_init_control:
        return event_init_control(call);
    case EVTCHNOP_expand_array:
        return event_expand_array(call);
    case EVTCHNOP_set_priority:
        return event_set_priority(call);
    case EVTCHNOP_reset:
    case kEventResetContinued:
        return event_reset(call);
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
