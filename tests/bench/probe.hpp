// SPDX-License-Identifier: Apache-2.0
// What the parts of zocalo-probe share: the clock, and how something is measured.
#pragma once

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace probe {

constexpr unsigned kBatches = 25;

inline std::uint64_t ticks()
{
    std::uint32_t low, high;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return std::uint64_t{high} << 32 | low;
}

inline void must(bool went_well, const char* what)
{
    if (went_well)
        return;
    std::perror(what);
    std::exit(1);
}

inline void tell(const char* name, std::uint64_t value)
{
    std::printf("probe %s %" PRIu64 "\n", name, value);
    std::fflush(stdout);
}

// Median over the batches of the mean within one: a timer tick falls into few batches.
template <class Action> void measure(const char* name, unsigned times, Action&& action)
{
    const char* const only = std::getenv("PROBE");
    if (only != nullptr && std::strcmp(only, name) != 0)
        return;
    std::array<std::uint64_t, kBatches> took{};
    for (unsigned i = 0; i < times; ++i)
        action();
    for (std::uint64_t& batch : took) {
        const std::uint64_t start = ticks();
        for (unsigned i = 0; i < times; ++i)
            action();
        batch = (ticks() - start) / times;
    }
    std::sort(took.begin(), took.end());
    tell(name, took[kBatches / 2]);
}

// Of dom0's devices for grants, event channels and hypercalls; nothing where they are not there.
void measure_xen();

// In dom0: an event to the domain (its kernel is event_echo) and the one it sends back.
void measure_ping(unsigned domain);

} // namespace probe
