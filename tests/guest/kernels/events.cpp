// SPDX-License-Identifier: Apache-2.0
// Event channels: what binds to what, bits in the shared page, masks, upcalls, polling, and
// arguments that make no sense. Class: event channel state (XSA-221, XSA-317 and their kind).
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/event_channel.h>
#include <xen/sched.h>

#include <atomic>

namespace zocalo::guest {
namespace {

std::int64_t op(unsigned command, void* args)
{
    return hypercall(__HYPERVISOR_event_channel_op, command, args);
}

std::uint32_t unbound(domid_t remote)
{
    evtchn_alloc_unbound args{DOMID_SELF, remote, 0};
    same(op(EVTCHNOP_alloc_unbound, &args), 0, "alloc_unbound");
    return args.port;
}

std::int64_t close(std::uint32_t port)
{
    evtchn_close args{port};
    return op(EVTCHNOP_close, &args);
}
std::int64_t send(std::uint32_t port)
{
    evtchn_send args{port};
    return op(EVTCHNOP_send, &args);
}
evtchn_status status(std::uint32_t port)
{
    evtchn_status args{};
    args.dom = DOMID_SELF;
    args.port = port;
    same(op(EVTCHNOP_status, &args), 0, "status");
    return args;
}

bool pending(std::uint32_t port)
{
    return (std::atomic_ref{shared().evtchn_pending[port / 64]}.load() >> (port % 64) & 1) != 0;
}
void clear(std::uint32_t port)
{
    std::atomic_ref{shared().evtchn_pending[port / 64]}.fetch_and(~(1UL << (port % 64)));
}
void mask(std::uint32_t port, bool masked)
{
    std::atomic_ref word{shared().evtchn_mask[port / 64]};
    if (masked)
        word.fetch_or(1UL << (port % 64));
    else
        word.fetch_and(~(1UL << (port % 64)));
}

// Two ends in one domain.
void check_loop()
{
    const std::uint32_t first = unbound(DOMID_SELF);
    same(status(first).status, EVTCHNSTAT_unbound, "unbound");
    evtchn_bind_interdomain args{DOMID_SELF, first, 0};
    same(op(EVTCHNOP_bind_interdomain, &args), 0, "bind_interdomain");
    const std::uint32_t second = args.local_port;
    same(status(first).status, EVTCHNSTAT_interdomain, "bound");
    same(status(second).u.interdomain.port, first, "to each other");
    check(op(EVTCHNOP_bind_interdomain, &args) < 0, "bound twice");
    clear(first), clear(second);
    same(send(second), 0, "send");
    check(pending(first) && !pending(second), "the other end is pending");
    same(close(second), 0, "close");
    same(status(first).status, EVTCHNSTAT_unbound, "the other end is unbound again");
    same(close(first), 0, "close");
    same(close(first), kInvalid, "closed twice");
    same(send(first), kInvalid, "a send on a closed port");
}

unsigned upcalls = 0;

void check_upcall()
{
    evtchn_bind_ipi args{0, 0};
    same(op(EVTCHNOP_bind_ipi, &args), 0, "bind_ipi");
    const std::uint32_t port = args.port;
    on_event = [](Registers&) { ++upcalls; };
    vcpu_info& info_area = vcpu_area();
    const auto deliver = [&] {
        info_area.evtchn_upcall_mask = 0;
        hypercall(__HYPERVISOR_xen_version, 0);
        info_area.evtchn_upcall_mask = 1;
    };
    deliver(); // whatever was pending before
    mask(port, true);
    clear(port);
    info_area.evtchn_pending_sel = 0;
    upcalls = 0;
    same(send(port), 0, "send on a masked port");
    deliver();
    check(pending(port) && upcalls == 0, "pending, but no upcall");
    evtchn_unmask unmask{port};
    same(op(EVTCHNOP_unmask, &unmask), 0, "unmask");
    deliver();
    same(upcalls, 1, "the upcall that was due");
    check((info_area.evtchn_pending_sel >> (port / 64) & 1) != 0, "its word is selected");
    clear(port);
    info_area.evtchn_pending_sel = 0;
    same(send(port), 0, "send");
    same(upcalls, 1, "no upcall while events are masked");
    deliver();
    same(upcalls, 2, "one afterwards");
    clear(port);
    sched_poll poll{};
    evtchn_port_t ports[] = {port};
    poll.ports.p = ports;
    poll.nr_ports = 1;
    poll.timeout = 1; // long past
    same(hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll), 0, "a poll that ends by its time");
    same(send(port), 0, "send");
    poll.timeout = 0;
    same(hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll), 0, "a poll of what is pending");
    same(close(port), 0, "close");
    check(!pending(port), "closing clears what was pending");
    on_event = nullptr;
}

void check_virq()
{
    evtchn_bind_virq args{VIRQ_TIMER, 0, 0};
    same(op(EVTCHNOP_bind_virq, &args), 0, "bind_virq");
    evtchn_bind_virq again = args;
    same(op(EVTCHNOP_bind_virq, &again), kExists, "bound twice");
    same(status(args.port).u.virq, VIRQ_TIMER, "status");
    same(send(args.port), kInvalid, "a send on a VIRQ");
    same(close(args.port), 0, "close");
    evtchn_bind_virq wrong{NR_VIRQS, 0, 0};
    same(op(EVTCHNOP_bind_virq, &wrong), kInvalid, "no such VIRQ");
    wrong = {VIRQ_TIMER, 99, 0};
    same(op(EVTCHNOP_bind_virq, &wrong), kNoEntry, "no such vCPU");
}

void check_arguments()
{
    for (const std::uint32_t port : {0U, 1023U, 4095U, 4096U, 0x20000U, ~0U}) {
        same(close(port), kInvalid, "closing no port");
        same(send(port), kInvalid, "sending on no port");
        evtchn_unmask unmask{port};
        if (port != 0) // it is there, but nobody's
            same(op(EVTCHNOP_unmask, &unmask), kInvalid, "unmasking no port");
        evtchn_bind_vcpu bind{port, 0};
        same(op(EVTCHNOP_bind_vcpu, &bind), kInvalid, "binding no port");
        evtchn_bind_interdomain inter{DOMID_SELF, port, 0};
        check(op(EVTCHNOP_bind_interdomain, &inter) < 0, "binding to no port");
    }
    evtchn_alloc_unbound foreign{0, DOMID_SELF, 0};
    check(op(EVTCHNOP_alloc_unbound, &foreign) < 0, "a port of dom0");
    evtchn_bind_interdomain nobody{999, 1, 0};
    check(op(EVTCHNOP_bind_interdomain, &nobody) < 0, "a port of nobody");
    evtchn_bind_pirq pirq{1, 0, 0};
    check(op(EVTCHNOP_bind_pirq, &pirq) < 0, "an interrupt of the machine");
    for (unsigned command = 0; command <= EVTCHNOP_unmask; ++command)
        same(op(command, reinterpret_cast<void*>(0xffff830000000000)), kFault, "a wild pointer");
    same(op(200, nullptr), kNoSuchCall, "no such operation");
}

void check_limit()
{
    unsigned given = 0;
    std::int64_t answer = 0;
    std::uint32_t last = 0;
    for (; given < 5000; ++given) {
        evtchn_alloc_unbound args{DOMID_SELF, DOMID_SELF, 0};
        answer = op(EVTCHNOP_alloc_unbound, &args);
        if (answer != 0)
            break;
        last = args.port;
    }
    same(answer, kNoSpace, "beyond the limit");
    same(last, 1023, "the highest port xl allows");
    for (std::uint32_t port = last; given-- > 0; --port)
        same(close(port), 0, "close");
}

} // namespace

void test()
{
    check_loop();
    check_upcall();
    check_virq();
    check_arguments();
    check_limit();
}

} // namespace zocalo::guest
