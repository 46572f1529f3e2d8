// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"

#include <atomic>

namespace zocalo::hv {
namespace {

// Whoever comes while it is free has it: a queue would make all wait for one that waits but does
// not run, as virtual processors of a busy host do. One that has waited for long is next, though.
struct Lock {
    std::atomic<bool> taken{};
    std::atomic<unsigned> next{kMaxCpus}; // the processor that is served first; kMaxCpus: none
};
constinit Lock lock;
constinit std::atomic<CpuMask> waiting{};

constexpr std::uint64_t kLong = 1'000'000; // ns

bool try_take(unsigned cpu)
{
    const unsigned next = lock.next.load(std::memory_order_relaxed);
    if (next != kMaxCpus && next != cpu)
        return false;
    if (lock.taken.load(std::memory_order_relaxed) ||
        lock.taken.exchange(true, std::memory_order_acquire))
        return false;
    if (next == cpu)
        lock.next.store(kMaxCpus, std::memory_order_relaxed);
    return true;
}

void wait_for_lock(unsigned cpu)
{
    const std::uint64_t since = hal::now();
    const CpuMask mine = CpuMask{1} << cpu;
    waiting.fetch_or(mine);
    while (!try_take(cpu)) {
        serve_flush_requests();
        x86::pause();
        unsigned nobody = kMaxCpus;
        if (hal::now() - since > kLong)
            lock.next.compare_exchange_strong(nobody, cpu, std::memory_order_relaxed);
    }
    waiting.fetch_and(~mine);
}

} // namespace

CpuMask waiting_for_system_lock()
{
    return waiting.load();
}

SystemGuard::SystemGuard()
{
    if (!cpu_top().locks.may_take(LockRank::system))
        panic("the system lock is taken twice or too late by processor ", cpu_top().id);
    const unsigned cpu = cpu_top().id;
    if (!try_take(cpu))
        wait_for_lock(cpu);
    cpu_top().locks.took(LockRank::system);
}

SystemGuard::~SystemGuard()
{
    cpu_top().locks.dropped(LockRank::system);
    lock.taken.store(false, std::memory_order_release);
}

} // namespace zocalo::hv
