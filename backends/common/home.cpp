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

} // namespace

Whereabouts Whereabouts::of_this_thread()
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    const bool known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    const auto go = [allowed, known](unsigned processor) {
        if (!known || processor >= CPU_SETSIZE || !CPU_ISSET(processor, &allowed))
            return false;
        cpu_set_t there;
        CPU_ZERO(&there);
        CPU_SET(processor, &there);
        return ::sched_setaffinity(0, sizeof there, &there) == 0 &&
               ::sched_setaffinity(0, sizeof allowed, &allowed) == 0;
    };
    return {[] { return static_cast<unsigned>(::sched_getcpu()); }, go, last_tick};
}

void Home::go_back()
{
    const auto now = system_.now();
    if (moved_ && now - *moved_ < kBetweenMoves)
        return;
    moved_ = now;
    if (!system_.go(*processor_))
        processor_.reset();
}

} // namespace zocalo::backend
