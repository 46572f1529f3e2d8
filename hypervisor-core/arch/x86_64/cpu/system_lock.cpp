// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"

#include <atomic>

namespace zocalo::hv {
namespace {

// Tickets: processors get it in the order in which they came.
struct Tickets {
    std::atomic<std::uint32_t> next{};
    std::atomic<std::uint32_t> serving{};
};
constinit Tickets tickets;

} // namespace

SystemGuard::SystemGuard()
{
    if (!cpu_top().locks.may_take(LockRank::system))
        panic("the system lock is taken twice or too late by processor ", cpu_top().id);
    const std::uint32_t mine = tickets.next.fetch_add(1, std::memory_order_relaxed);
    while (tickets.serving.load(std::memory_order_acquire) != mine) {
        serve_flush_requests();
        x86::pause();
    }
    cpu_top().locks.took(LockRank::system);
}

SystemGuard::~SystemGuard()
{
    cpu_top().locks.dropped(LockRank::system);
    tickets.serving.store(
        tickets.serving.load(std::memory_order_relaxed) + 1, std::memory_order_release
    );
}

} // namespace zocalo::hv
