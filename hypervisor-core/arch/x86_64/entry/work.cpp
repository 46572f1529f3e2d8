// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/entry/work.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/cpu/speculation.hpp"
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"
#include "hypervisor-core/arch/x86_64/drivers/interrupts.hpp"
#include "hypervisor-core/arch/x86_64/entry/report.hpp"
#include "hypervisor-core/arch/x86_64/pv/registers.hpp"
#include "hypervisor-core/domain/guest_time.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/pv/bounce.hpp"

extern "C" [[noreturn]] void run_guest_on_stack(void* frame);

namespace zocalo::hv {
namespace {

bool has_work(const CpuTop& top, const CpuState& cpu)
{
    return cpu.choose || top.timer_fired || cpu.current == nullptr;
}

// To a kernel without a callback for it they are silently null.
void tell_of_bad_selectors(System& system, Vcpu& vcpu, TrapFrame& frame)
{
    if (pv::enter_failsafe(vcpu, frame))
        return;
    report_guest(vcpu, frame, "a bad selector that its kernel cannot be told of");
    crash_domain(system, *vcpu.domain);
}

void set_resting(CpuTop& top, bool rests)
{
    top.rests = rests;
    top.system->memory.frames().set_resting(top.id, rests);
}

// The last one's registers stay in place in case it is the next one as well, unless it runs
// elsewhere first. Its address space stays only if there is nobody who would have to wake us for
// each change of it.
void idle(CpuTop& top, bool release, const TrapFrame& frame)
{
    if (release && top.loaded != nullptr) {
        save_vcpu(*top.loaded, frame);
        top.loaded = nullptr;
    }
    if (!top.rests && (top.loaded == nullptr || top.system->cpu_count > 1)) {
        load_idle_address_space(*top.system);
        set_resting(top, true);
    }
}

// The vCPU's last call left page tables whose end takes longer than a call may: piece by piece, so
// that interrupts and other vCPUs get their turn.
void end_tables(System& system, PvState& pv)
{
    const SystemGuard lock;
    if (system.tables.finish(pv.ending_table))
        pv.ending_table = Mfn{};
}

// Makes the processor hold the registers of the next vCPU.
void switch_to(CpuTop& top, Vcpu& next, TrapFrame& frame)
{
    const bool rested = top.rests;
    if (rested)
        set_resting(top, false);
    if (&next == top.loaded) {
        if (rested)
            hal::load_address_space(next);
        return;
    }
    if (top.loaded != nullptr)
        save_vcpu(*top.loaded, frame);
    if (next.domain != top.ran_last) {
        forget_branches();
        top.ran_last = next.domain;
    }
    top.loaded = &next;
    if (!load_vcpu(next, frame) && next.pv.failsafe.address != 0)
        tell_of_bad_selectors(*top.system, next, frame);
}

void do_work(CpuTop& top, CpuState& cpu, TrapFrame& frame)
{
    const SystemGuard lock;
    System& system = *top.system;
    top.timer_fired = false;
    const std::uint64_t now = hal::now();
    run_timers(system, top.id, now);
    if (cpu.choose || cpu.current == nullptr || now >= cpu.choose_at) {
        const VcpuChoice choice = choose_vcpu(system, top.id, now);
        if (choice.next == nullptr) {
            idle(top, choice.release, frame);
        } else {
            switch_to(top, *choice.next, frame);
            publish_time(system, *choice.next);
            publish_run_state(*choice.next);
        }
    }
}

void arm_timer(CpuTop& top, const CpuState& cpu)
{
    const std::uint64_t deadline = next_deadline(cpu);
    if (deadline == top.armed_for)
        return;
    top.armed_for = deadline;
    hal::arm_timer(deadline);
}

} // namespace

void handle_interrupt(std::uint32_t vector)
{
    CpuTop& top = cpu_top();
    switch (vector) {
    case local_apic::kTimerVector:
        top.timer_fired = true;
        top.armed_for = kNever;
        local_apic::end_of_interrupt();
        break;
    case local_apic::kKickVector:
        local_apic::end_of_interrupt();
        break;
    case local_apic::kFlushVector:
        local_apic::end_of_interrupt();
        serve_flush_requests();
        break;
    case local_apic::kSpuriousVector:
        break;
    default:
        device_interrupt(*top.system, static_cast<std::uint8_t>(vector));
        break;
    }
}

extern "C" void prepare_exit(TrapFrame* frame)
{
    CpuTop& top = cpu_top();
    CpuState& cpu = top.system->cpus[top.id];
    for (;;) {
        while (has_work(top, cpu)) {
            do_work(top, cpu, *frame);
            arm_timer(top, cpu);
            if (cpu.current == nullptr && !cpu.choose && !top.timer_fired)
                x86::wait_for_interrupt();
        }
        arm_timer(top, cpu);
        if (top.loaded->pv.ending_table != Mfn{}) {
            end_tables(*top.system, top.loaded->pv);
            x86::take_interrupts();
            continue;
        }
        if (pv::deliver_events(*top.loaded, *frame))
            return;
        report_guest(*top.loaded, *frame, "an event that its kernel cannot take");
        const SystemGuard lock;
        crash_domain(*top.system, *top.loaded->domain);
    }
}

void hal::kick(unsigned cpu)
{
    const CpuTop& top = cpu_top();
    if (cpu != top.id)
        local_apic::send(top.system->cpus[cpu].apic_id, local_apic::kKickVector);
}

unsigned hal::this_cpu()
{
    return cpu_top().id;
}

void run_guests()
{
    run_guest_on_stack(&guest_frame(cpu_top().id));
}

} // namespace zocalo::hv
