// SPDX-License-Identifier: Apache-2.0
// SchedGroup, SchedEntity: what the scheduler keeps of a domain and of a vCPU. They are members of
// those; the scheduler knows nothing else of them.
#pragma once

#include "hypervisor-core/hal/processor.hpp"

#include <cstdint>

namespace zocalo::hv {

// Nanoseconds of virtual time: real time at the default weight, slower for heavier entities. Wide
// enough never to wrap: no rebasing, no lifetime.
using VirtualTime = __int128;

inline constexpr unsigned kDefaultWeight = 256;
inline constexpr unsigned kMaxWeight = 65535;

// One that wakes runs earlier than its turn: `by` is taken off its virtual time when processors
// choose, until it has run for `limit` ns (0: without limit), and then not for `pause` ns. It only
// changes the order: what it runs is charged, and its share stays what it is.
struct Warp {
    std::uint64_t by{};
    std::uint64_t limit{};
    std::uint64_t pause{};
};

// Enough for what serves a device to pass hogs of the same weight.
inline constexpr Warp kDefaultWarp{.by = 10'000'000, .limit = 1'000'000};

// What the vCPUs of a domain have in common.
struct SchedGroup {
    unsigned weight{kDefaultWeight};
    unsigned cap{}; // percent of one processor, of all of them together; 0: none
    Warp warp{kDefaultWarp};

    // The scheduler's own: what is left of this period under the cap; negative: used in advance.
    std::int64_t budget{};
    std::uint64_t period_start{};
};

struct SchedEntity {
    SchedGroup* group{};           // never null once it is woken
    CpuMask affinity{~CpuMask{0}}; // where it may run
    CpuMask liking{~CpuMask{0}};   // where it is woken if there is an idle processor among them
    unsigned cpu{};                // whose queue it belongs to
    bool runnable{};               // wants to run: queued, or running
    bool running{};

    // The scheduler's own.
    bool parked{};  // runnable, but its group has used up its cap
    bool yielded{}; // gives way once
    bool warped{};
    bool kept{}; // its processor idles with its registers: it runs nowhere else meanwhile
    VirtualTime actual{};
    std::uint32_t remainder{};  // of the last division by the weight
    std::uint64_t since{};      // charged up to here, while running
    std::uint64_t arrived{};    // on this processor
    std::uint64_t warped_for{}; // at this stretch
    std::uint64_t unwarped_until{};
    SchedEntity* next{};
    SchedEntity* previous{};
};

} // namespace zocalo::hv
