// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/console_lock.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"

#include <atomic>

namespace zocalo::hv {
namespace {

constinit bool shared = false;
constinit std::atomic<bool> taken{false};

} // namespace

ConsoleGuard::ConsoleGuard()
{
    if (!shared)
        return;
    if (!cpu_top().locks.may_take(LockRank::console))
        panic("the console is locked twice by processor ", cpu_top().id);
    // Its owner asks nothing of others meanwhile: no flush requests need serving here.
    while (taken.exchange(true, std::memory_order_acquire))
        x86::pause();
    cpu_top().locks.took(LockRank::console);
}

ConsoleGuard::~ConsoleGuard()
{
    if (!shared)
        return;
    cpu_top().locks.dropped(LockRank::console);
    taken.store(false, std::memory_order_release);
}

void share_console()
{
    shared = true;
}

} // namespace zocalo::hv
