// SPDX-License-Identifier: Apache-2.0
// A data selector whose descriptor goes while the vCPU does not run: the failsafe callback is shown
// it, and finds it null. Class: segment state across context switches.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

namespace zocalo::guest {
namespace {

constexpr std::uint64_t kData = 0x00cff3000000ffff; // 4 GiB of data, ring 3, accessed
constexpr std::uint16_t kSelector = 1 << 3 | 3;
constexpr std::uint64_t kSleep = 10'000'000; // ns

bool told = false;
Registers where{};

std::uint16_t read_es()
{
    std::uint16_t selector;
    asm volatile("mov %%es, %0" : "=r"(selector));
    return selector;
}

void bind_timer()
{
    evtchn_bind_virq args{VIRQ_TIMER, 0, 0};
    same(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &args), 0, "bind_virq");
    evtchn_unmask unmask{args.port};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask);
    on_event = [](Registers&) {
        vcpu_area().evtchn_pending_sel = 0;
        shared().evtchn_pending[0] = 0;
    };
}

// Long enough for others to use the processor. Events are masked until the block lets them in: one
// that came before it would leave it without an end.
void sleep()
{
    vcpu_runstate_info state{};
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, &state);
    vcpu_area().evtchn_upcall_mask = 1;
    vcpu_set_singleshot_timer timer{state.state_entry_time + kSleep, 0};
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer);
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_block);
}

} // namespace

void test()
{
    Page& gdt = new_page();
    gdt.words[1] = kData;
    same(map(gdt, kReadOnly), 0, "read-only");
    const std::uint64_t frames[] = {mfn_of(&gdt)};
    same(hypercall(__HYPERVISOR_set_gdt, frames, 512), 0, "a GDT");
    bind_timer();
    on_trap = [](Registers& at) {
        if (at.vector != kFailsafe)
            return false;
        told = true;
        where = at;
        return true;
    };
    asm volatile("mov %0, %%es" : : "r"(kSelector));
    const std::int64_t emptied =
        hypercall(__HYPERVISOR_update_descriptor, machine_of(&gdt.words[1]), 0);
    same(emptied, 0, "the descriptor goes");
    same(read_es(), kSelector, "the processor keeps what it has loaded");
    constexpr unsigned kTurns = 500;
    for (unsigned turn = 0; turn < kTurns && !told; ++turn)
        sleep();
    if (!told) {
        skip("nobody else ran on this processor");
        return;
    }
    same(failsafe_selectors[1] & 0xffff, kSelector, "ES as it was");
    same(read_es(), 0, "it is null now");
    same(where.cs & 3, 0, "the kernel was interrupted");
    same(hypercall(__HYPERVISOR_set_gdt, 0, 0), 0, "no GDT");
}

} // namespace zocalo::guest
