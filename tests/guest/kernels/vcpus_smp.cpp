// SPDX-License-Identifier: Apache-2.0
// A second vCPU: started, interrupted, raced against and stopped. Class: races between two vCPUs of
// one domain on page types and event channels.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/vcpu.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/event_channel.h>
#include <xen/vcpu.h>

#include <atomic>

namespace zocalo::guest {
namespace {

std::atomic<unsigned> stage{0};
std::atomic<unsigned> interrupts{0};
std::atomic<std::uint64_t> pinned{0};
Page* contested = nullptr;

void wait_for(unsigned wanted)
{
    while (stage.load() < wanted)
        yield();
}

std::int64_t is_up(unsigned vcpu)
{
    return hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, vcpu, 0);
}

// Makes the page a table and lets go again, as often as it can.
void pin_for_a_while()
{
    constexpr unsigned kTurns = 300;
    for (unsigned i = 0; i < kTurns; ++i)
        if (mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(contested)) == 0) {
            pinned.fetch_add(1);
            if (mmuext(MMUEXT_UNPIN_TABLE, mfn_of(contested)) != 0)
                end_with_error("a pin of its own was gone");
        }
}

void second()
{
    vcpu_area().evtchn_upcall_mask = 0;
    stage = 1;
    wait_for(2);
    pin_for_a_while();
    stage = 3;
    stop_this_vcpu();
}

void check_interrupt()
{
    evtchn_bind_ipi args{1, 0};
    same(
        hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &args), 0, "a channel to vCPU 1"
    );
    on_event = [](Registers&) {
        if (this_vcpu() == 1)
            interrupts.fetch_add(1);
    };
    evtchn_unmask unmask{args.port};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask);
    const unsigned before = interrupts.load();
    evtchn_send send{args.port};
    same(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send), 0, "sent");
    while (interrupts.load() == before)
        yield();
    check((shared().evtchn_pending[args.port / 64] >> (args.port % 64) & 1) != 0, "its bit is set");
}

// One vCPU maps the page writable while the other makes it a table: never both.
void check_race()
{
    contested = &new_page();
    unsigned refused = 0, both = 0;
    stage = 2;
    while (stage.load() < 3) {
        if (map(*contested, kReadWrite) != 0) {
            ++refused;
            continue;
        }
        if (mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(contested)) == 0)
            ++both;
        map(*contested, kReadOnly);
        yield();
    }
    same(both, 0, "a table while it is mapped writable");
    print("pinned ", pinned.load(), " times, refused ", refused, " times\n");
    same(map(*contested, kReadWrite), 0, "data in the end");
}

} // namespace

void test()
{
    if (is_up(1) < 0) {
        skip("the domain has one vCPU");
        return;
    }
    same(is_up(0), 1, "vCPU 0");
    same(is_up(1), 0, "vCPU 1 before");
    same(is_up(2), kNoEntry, "no vCPU 2");
    same(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0), kInvalid, "up before it has a state");
    same(
        hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, 0xffff830000000000),
        kFault,
        "a wild state"
    );
    same(start_vcpu(second), 0, "started");
    same(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, 0), kFault, "no state");
    wait_for(1);
    same(is_up(1), 1, "vCPU 1 runs");
    check_interrupt();
    check_race();
    while (is_up(1) != 0)
        yield();
}

} // namespace zocalo::guest
