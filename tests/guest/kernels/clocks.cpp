// SPDX-License-Identifier: Apache-2.0
// Time: the published clock advances and is never behind what timers say, one-shot and periodic
// timers raise their VIRQ, a block ends by an event.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include <atomic>

namespace zocalo::guest {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
std::uint32_t port = 0;

// Nanoseconds, as xen/xen.h says how to compute them.
std::uint64_t now()
{
    const vcpu_time_info& time = vcpu_area().time;
    for (;;) {
        const std::uint32_t version = std::atomic_ref{time.version}.load();
        std::uint32_t low, high;
        asm volatile("rdtsc" : "=a"(low), "=d"(high));
        std::uint64_t passed = (std::uint64_t{high} << 32 | low) - time.tsc_timestamp;
        passed = time.tsc_shift >= 0 ? passed << time.tsc_shift : passed >> -time.tsc_shift;
        std::uint64_t scaled = passed, top;
        asm("mulq %3"
            : "+a"(scaled), "=d"(top)
            : "0"(scaled), "r"(std::uint64_t{time.tsc_to_system_mul}));
        const std::uint64_t value = time.system_time + (top << 32 | scaled >> 32);
        if ((version & 1) == 0 && std::atomic_ref{time.version}.load() == version)
            return value;
    }
}

std::int64_t vcpu_op(unsigned op, void* args = nullptr)
{
    return hypercall(__HYPERVISOR_vcpu_op, op, 0, args);
}

bool fired()
{
    const std::uint64_t bit = std::uint64_t{1} << (port % 64);
    return (std::atomic_ref{shared().evtchn_pending[port / 64]}.fetch_and(~bit) & bit) != 0;
}

void wait_fired()
{
    while (!fired())
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_block);
}

void check_one_shot()
{
    vcpu_set_singleshot_timer timer{now() + 20 * kMillisecond, 0};
    same(vcpu_op(VCPUOP_set_singleshot_timer, &timer), 0, "one-shot");
    wait_fired();
    check(now() >= timer.timeout_abs_ns, "it does not fire early");
    timer = {1, VCPU_SSHOTTMR_future};
    same(vcpu_op(VCPUOP_set_singleshot_timer, &timer), 0, "Xen heeds no flag");
    wait_fired();
    timer = {1, 0};
    same(vcpu_op(VCPUOP_set_singleshot_timer, &timer), 0, "one that is past");
    wait_fired();
    timer = {now() + 3600'000 * kMillisecond, 0};
    same(vcpu_op(VCPUOP_set_singleshot_timer, &timer), 0, "a far one");
    same(vcpu_op(VCPUOP_stop_singleshot_timer), 0, "stopped");
    const std::uint64_t end = now() + 20 * kMillisecond;
    same(hypercall(__HYPERVISOR_set_timer_op, end), 0, "set_timer_op");
    wait_fired();
    check(now() >= end, "it does not fire early");
}

void check_periodic()
{
    vcpu_set_periodic_timer timer{10 * kMillisecond};
    same(vcpu_op(VCPUOP_set_periodic_timer, &timer), 0, "periodic");
    for (unsigned i = 0; i < 3; ++i)
        while (!fired()) // a vCPU that blocks gets no periodic ticks on Xen
            hypercall(__HYPERVISOR_xen_version, XENVER_version);
    same(vcpu_op(VCPUOP_stop_periodic_timer), 0, "stopped");
    timer.period_ns = 1;
    check(vcpu_op(VCPUOP_set_periodic_timer, &timer) < 0, "a period that would leave no time");
}

void check_run_state()
{
    static vcpu_runstate_info area;
    vcpu_register_runstate_memory_area args{};
    args.addr.h.p = &area;
    same(vcpu_op(VCPUOP_register_runstate_memory_area, &args), 0, "run state");
    same(area.state, RUNSTATE_running, "it runs");
    vcpu_runstate_info told{};
    same(vcpu_op(VCPUOP_get_runstate_info, &told), 0, "asked for");
    check(
        told.time[RUNSTATE_running] != 0 && told.time[RUNSTATE_blocked] != 0, "it ran and it waited"
    );
    args.addr.h.p = reinterpret_cast<vcpu_runstate_info*>(0xffff830000000000);
    check(vcpu_op(VCPUOP_register_runstate_memory_area, &args) < 0, "in the hypervisor's memory");
}

} // namespace

void test()
{
    evtchn_bind_virq args{VIRQ_TIMER, 0, 0};
    same(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &args), 0, "bind_virq");
    port = args.port;
    evtchn_unmask unmask{port};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask);
    const std::uint64_t first = now();
    check(now() >= first, "time goes forward");
    vcpu_op(VCPUOP_stop_periodic_timer);
    fired();
    check_one_shot();
    check_periodic();
    check_run_state();
}

} // namespace zocalo::guest
