// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/run_state.hpp"

#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/hal/devices.hpp"

#include <xen/sched.h>

#include <cstddef>

namespace zocalo::hv {
namespace {

Vcpu& vcpu_of(SchedEntity& entity)
{
    return *reinterpret_cast<Vcpu*>(
        reinterpret_cast<std::byte*>(&entity) - __builtin_offsetof(Vcpu, sched)
    );
}

template <std::size_t Offset> Vcpu& vcpu_of_timer(Timer& timer)
{
    return *reinterpret_cast<Vcpu*>(reinterpret_cast<std::byte*>(&timer) - Offset);
}

void ask_to_choose(System& system, unsigned cpu)
{
    system.cpus[cpu].choose = true;
    hal::kick(cpu);
}

void set_run_state(Vcpu& vcpu, int state, std::uint64_t now)
{
    vcpu_runstate_info& run = vcpu.runstate;
    if (now > run.state_entry_time)
        run.time[run.state] += now - run.state_entry_time;
    run.state = state;
    run.state_entry_time = now;
}

// What the vCPU does while it does not run.
int waiting_state(const Vcpu& vcpu)
{
    if (vcpu.held(Hold::offline) || vcpu.held(Hold::paused))
        return RUNSTATE_offline;
    return vcpu.held(Hold::blocked) ? RUNSTATE_blocked : RUNSTATE_runnable;
}

} // namespace

void hold(System& system, Vcpu& vcpu, Hold why)
{
    vcpu.holds = static_cast<std::uint8_t>(vcpu.holds | static_cast<std::uint8_t>(why));
    system.scheduler.sleep(vcpu.sched);
    if (vcpu.sched.running)
        ask_to_choose(system, vcpu.sched.cpu);
    else
        set_run_state(vcpu, waiting_state(vcpu), hal::now());
}

void unhold(System& system, Vcpu& vcpu, Hold why)
{
    vcpu.holds = static_cast<std::uint8_t>(vcpu.holds & ~static_cast<std::uint8_t>(why));
    if (vcpu.holds != 0)
        return;
    if (!vcpu.sched.running)
        set_run_state(vcpu, RUNSTATE_runnable, hal::now());
    if (const unsigned cpu = system.scheduler.wake(vcpu.sched, hal::now()); cpu != kMaxCpus)
        ask_to_choose(system, cpu);
}

void pause_domain(System& system, Domain& domain)
{
    if (domain.pauses++ != 0)
        return;
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu != nullptr)
            hold(system, *vcpu, Hold::paused);
}

void unpause_domain(System& system, Domain& domain)
{
    if (domain.pauses == 0 || --domain.pauses != 0)
        return;
    domain.started = true;
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu != nullptr)
            unhold(system, *vcpu, Hold::paused);
}

void shut_down(System& system, Domain& domain, std::uint32_t reason)
{
    if (domain.id == kDom0) {
        log("dom0 has shut down, reason ", reason);
        if (reason == SHUTDOWN_reboot)
            hal::reboot();
        if (reason == SHUTDOWN_poweroff)
            hal::power_off();
        panic("dom0 is gone: its own messages are above");
    }
    domain.shut_down = true;
    domain.shutdown_reason = reason;
    pause_domain(system, domain);
    if (Domain* dom0 = system.domain(kDom0); dom0 != nullptr)
        raise_virq(system, *dom0, VIRQ_DOM_EXC);
}

bool settle(System& system, const Vcpu& vcpu)
{
    const unsigned cpu = vcpu.sched.cpu;
    if (!vcpu.sched.running && (!vcpu.sched.kept || cpu == hal::this_cpu()))
        return true;
    system.cpus[cpu].release = true;
    ask_to_choose(system, cpu);
    return false;
}

void run_timers(System& system, unsigned cpu, std::uint64_t now)
{
    TimerQueue& timers = system.cpus[cpu].timers;
    while (Timer* timer = timers.take_due(now)) {
        // A timer belongs to a vCPU of this processor; which of its three it is tells its place.
        Vcpu& one_shot = vcpu_of_timer<__builtin_offsetof(Vcpu, one_shot)>(*timer);
        Vcpu& poll = vcpu_of_timer<__builtin_offsetof(Vcpu, poll_timeout)>(*timer);
        Vcpu& periodic = vcpu_of_timer<__builtin_offsetof(Vcpu, periodic)>(*timer);
        switch (timer->kind) {
        case Timer::Kind::one_shot:
            raise_vcpu_virq(system, one_shot, VIRQ_TIMER);
            break;
        case Timer::Kind::periodic:
            timers.arm(*timer, now + periodic.period);
            raise_vcpu_virq(system, periodic, VIRQ_TIMER);
            break;
        case Timer::Kind::poll:
            poll.polls = false;
            unhold(system, poll, Hold::blocked);
            break;
        }
    }
}

VcpuChoice choose_vcpu(System& system, unsigned cpu, std::uint64_t now)
{
    CpuState& state = system.cpus[cpu];
    Vcpu* const before = state.current;
    const auto choice =
        system.scheduler.choose(cpu, before != nullptr ? &before->sched : nullptr, now);
    Vcpu* const next = choice.entity != nullptr ? &vcpu_of(*choice.entity) : nullptr;
    state.choose = false;
    state.choose_at = choice.until;
    const bool release = next == nullptr && (state.release || choice.release);
    state.release = false;
    if (release) // the caller saves them before anybody else gets the lock
        system.scheduler.released(cpu);
    if (choice.tell != kMaxCpus)
        ask_to_choose(system, choice.tell);
    if (next != before) {
        if (before != nullptr)
            set_run_state(*before, waiting_state(*before), now);
        if (next != nullptr)
            set_run_state(*next, RUNSTATE_running, now);
    }
    state.current = next;
    return {next, release};
}

std::uint64_t next_deadline(const CpuState& cpu)
{
    const std::uint64_t timer = cpu.timers.next_deadline();
    return timer < cpu.choose_at ? timer : cpu.choose_at;
}

} // namespace zocalo::hv
