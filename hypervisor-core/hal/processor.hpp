// SPDX-License-Identifier: Apache-2.0
// What the rules ask of processors: clocks, TLBs, attention. Implemented in arch/.
#pragma once

#include <cstdint>

namespace zocalo::hv {

inline constexpr unsigned kMaxCpus = 64;
using CpuMask = std::uint64_t;

namespace hal {

unsigned this_cpu();

// Nanoseconds since the hypervisor started; the same on every processor.
std::uint64_t now();

// Forgets all non-global translations on the processors of `cpus` and returns when they are gone.
void flush_tlb(CpuMask cpus);
void flush_page(std::uint64_t address, CpuMask cpus);

// Makes `cpu` look at its work flags soon (an IPI when it is another one).
void kick(unsigned cpu);

// Arms the one-shot timer of this processor for `deadline` (now() time; ~0: none).
void arm_timer(std::uint64_t deadline);

} // namespace hal
} // namespace zocalo::hv
