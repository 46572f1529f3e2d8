// SPDX-License-Identifier: Apache-2.0
#include "backends/common/home.hpp"

#include <ctime>
#include <sched.h>

namespace zocalo::backend {
namespace {

Whereabouts::Clock::time_point last_tick()
{
    timespec tick{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
    return Whereabouts::Clock::time_point{
        std::chrono::seconds{tick.tv_sec} + std::chrono::nanoseconds{tick.tv_nsec}};
}

// Whoever pins the process, pins it: only a processor that it may use now is gone to.
void go_to(unsigned processor)
{
    cpu_set_t allowed, there;
    if (processor >= CPU_SETSIZE || ::sched_getaffinity(0, sizeof allowed, &allowed) != 0 ||
        !CPU_ISSET(processor, &allowed))
        return;
    CPU_ZERO(&there);
    CPU_SET(processor, &there);
    if (::sched_setaffinity(0, sizeof there, &there) == 0)
        ::sched_setaffinity(0, sizeof allowed, &allowed);
}

} // namespace

Whereabouts Whereabouts::of_this_thread()
{
    return {[] { return static_cast<unsigned>(::sched_getcpu()); }, go_to, last_tick};
}

void Home::go_back()
{
    const auto now = system_.now();
    if (moved_ && now - *moved_ < kBetweenMoves)
        return;
    moved_ = now;
    system_.go(*processor_);
}

} // namespace zocalo::backend
