// SPDX-License-Identifier: Apache-2.0
// hal::flush_*: translations of this and other processors.
#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"

#include <atomic>

namespace zocalo::hv {
namespace {

// Processors that were asked and did not yet answer.
constinit std::atomic<CpuMask> asked{};

void flush_here()
{
    CpuTop& top = cpu_top();
    top.system->memory.frames().clock().flushed(top.id);
    x86::write_cr3(x86::read_cr3());
}

void ask_others(CpuMask others)
{
    asked.fetch_or(others);
    const CpuMask interrupted = others & ~waiting_for_system_lock();
    for (unsigned cpu = 0; cpu < kMaxCpus && (interrupted >> cpu) != 0; ++cpu)
        if ((interrupted >> cpu & 1) != 0)
            local_apic::send(cpu_top().system->cpus[cpu].apic_id, local_apic::kFlushVector);
    while ((asked.load() & others) != 0)
        x86::pause();
}

} // namespace

void serve_flush_requests()
{
    const CpuMask mine = CpuMask{1} << cpu_top().id;
    if ((asked.load(std::memory_order_relaxed) & mine) == 0)
        return;
    // The asking processor holds the lock and waits: nobody else touches the clock.
    flush_here();
    asked.fetch_and(~mine);
}

void hal::flush_tlb(CpuMask cpus)
{
    const CpuMask mine = CpuMask{1} << cpu_top().id;
    cpus &= cpu_top().system->memory.frames().holders();
    if ((cpus & ~mine) != 0)
        ask_others(cpus & ~mine);
    if ((cpus & mine) != 0)
        flush_here();
}

void hal::flush_page(std::uint64_t address, CpuMask cpus)
{
    const CpuMask mine = CpuMask{1} << cpu_top().id;
    cpus &= cpu_top().system->memory.frames().holders();
    if ((cpus & ~mine) != 0)
        ask_others(cpus & ~mine);
    if ((cpus & mine) != 0)
        x86::invalidate_page(address);
}

} // namespace zocalo::hv
