// SPDX-License-Identifier: Apache-2.0
// TlbClock: tells whether a processor may still hold a translation that was dropped earlier, so
// that most flushes need not happen. Time advances when a translation is dropped; every processor
// remembers the time of its last flush. Stamps are taken under the system lock, flushes happen
// without it.
#pragma once

#include "hypervisor-core/hal/processor.hpp"

#include <array>
#include <atomic>

namespace zocalo::hv {

class TlbClock {
  public:
    // To be kept with a frame whose last mapping of some kind just went away.
    std::uint32_t stamp() { return now_.fetch_add(1, std::memory_order_seq_cst) + 1; }

    // Called on a processor right before it forgets all translations.
    void flushed(unsigned cpu)
    {
        last_[cpu].store(now_.load(std::memory_order_seq_cst), std::memory_order_relaxed);
    }

    // Those of `cpus` that did not flush since `stamp`.
    CpuMask stale(std::uint32_t stamp, CpuMask cpus) const
    {
        CpuMask found = 0;
        for (unsigned cpu = 0; cpu < kMaxCpus && (cpus >> cpu) != 0; ++cpu) {
            const std::uint32_t last = last_[cpu].load(std::memory_order_relaxed);
            if ((cpus >> cpu & 1) != 0 && static_cast<std::int32_t>(last - stamp) < 0)
                found |= CpuMask{1} << cpu;
        }
        return found;
    }

  private:
    std::atomic<std::uint32_t> now_{};
    std::array<std::atomic<std::uint32_t>, kMaxCpus> last_{};
};

} // namespace zocalo::hv
