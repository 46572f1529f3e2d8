// SPDX-License-Identifier: Apache-2.0
// A guest's kernel that sends back each event dom0 sends it: the other half of the probe's `ping`.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/event_channel.h>
#include <xen/sched.h>

#include <atomic>

namespace zocalo::guest {

void test()
{
    evtchn_alloc_unbound channel{DOMID_SELF, 0, 0};
    same(
        hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &channel), 0, "a channel"
    );
    print("echo: port ", channel.port, "\n");
    std::atomic_ref<xen_ulong_t> pending{shared().evtchn_pending[channel.port / 64]};
    const xen_ulong_t bit = xen_ulong_t{1} << (channel.port % 64);
    for (;;) {
        if ((pending.load() & bit) == 0) {
            sched_poll poll{};
            set_xen_guest_handle(poll.ports, &channel.port);
            poll.nr_ports = 1;
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
            continue;
        }
        pending.fetch_and(~bit);
        evtchn_send send{channel.port};
        hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
    }
}

} // namespace zocalo::guest
