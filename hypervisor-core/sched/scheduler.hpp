// SPDX-License-Identifier: Apache-2.0
// Scheduler: which vCPU a processor runs next. Entities are members of vCPUs; it knows nothing else
// of them. One queue per processor, first come first served with time slices: the place of BVT.
// Under the system lock.
#pragma once

#include "hypervisor-core/hal/processor.hpp"

#include <array>

namespace zocalo::hv {

struct SchedEntity {
    unsigned cpu{};  // whose queue it belongs to
    bool runnable{}; // wants to run: queued, or running
    bool running{};
    SchedEntity* next{};
};

class Scheduler {
  public:
    static constexpr std::uint64_t kSlice = 10'000'000; // ns

    struct Choice {
        SchedEntity* entity{};                  // null: nothing to run
        std::uint64_t until{~std::uint64_t{0}}; // when to choose again at the latest
    };

    // Makes the entity runnable; the processor that must choose again, or kMaxCpus.
    unsigned wake(SchedEntity& entity);
    // No longer runnable; takes effect when its processor chooses again, if it is running.
    void sleep(SchedEntity& entity);
    // What `cpu`, which ran `current` (or nothing), runs from now on.
    Choice choose(unsigned cpu, SchedEntity* current, std::uint64_t now);

  private:
    struct Queue {
        SchedEntity* first{};
        SchedEntity* last{};
    };
    void append(SchedEntity& entity);
    void remove(SchedEntity& entity);

    std::array<Queue, kMaxCpus> queues_{};
};

} // namespace zocalo::hv
