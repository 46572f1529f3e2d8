// SPDX-License-Identifier: Apache-2.0
// System: the one object that holds everything shared by all processors. It is declared once
// (arch/x86_64/boot/start.cpp) and handed to whoever needs it; nothing reaches for it.
#pragma once

#include "hypervisor-core/boot/acpi.hpp"
#include "hypervisor-core/boot/boot_info.hpp"
#include "hypervisor-core/console/ring.hpp"
#include "hypervisor-core/domain/domain.hpp"
#include "hypervisor-core/mm/memory.hpp"
#include "hypervisor-core/mm/page_tables.hpp"
#include "hypervisor-core/sched/scheduler.hpp"
#include "hypervisor-core/time/clock_scale.hpp"
#include "hypervisor-core/time/timer_queue.hpp"

#include <array>

namespace zocalo::hv {

inline constexpr unsigned kMaxDomains = 1024;

// What a processor's exit path must look at before it returns to a guest. Rules set it for any
// processor and hal::kick() it; only the processor itself clears it.
struct CpuState {
    Vcpu* current{}; // null: idle
    TimerQueue timers;
    std::uint64_t choose_at{kNever}; // end of the time slice
    bool choose{};                   // the scheduler must be asked
    bool release{};                  // when idle: no vCPU's registers may stay here
    std::uint32_t apic_id{};
    std::uint32_t acpi_id{};
};

// An interrupt of a device, as dom0 numbers it.
struct Pirq {
    bool mapped{};
    DomId owner{};
    EventPort port{}; // 0: not bound
};
inline constexpr unsigned kMaxPirqs = 176; // as many as there are vectors for them

struct System {
    Memory memory;
    PageTables tables{memory};
    Scheduler scheduler;
    std::array<CpuState, kMaxCpus> cpus{};
    unsigned cpu_count{1};
    DomId last_domain{}; // the number given last
    ConsoleRing console;
    std::array<Pirq, kMaxPirqs> pirqs{};
    std::array<Domain*, kMaxDomains> domains{};
    alignas(64
    ) std::array<std::byte, 8192> scratch{}; // for what a hypercall copies in that no stack holds
    std::array<std::uint64_t, 64> told_refusals{}; // hypercall/table.cpp
    BootInfo boot;
    AcpiInfo acpi;
    MemoryRange m2p{}; // where the machine-to-physical table lies in RAM
    Mfn root{};        // the hypervisor's own L4, used while idle

    // pvclock: what every vcpu_time_info is filled from.
    ClockScale clock;
    std::uint64_t clock_tsc{}; // time stamp at now() = 0
    std::uint64_t tsc_hertz{};
    std::uint64_t wall_base{}; // nanoseconds since 1970 at now() = 0

    Domain* domain(DomId id) { return id.value < kMaxDomains ? domains[id.value] : nullptr; }
};

} // namespace zocalo::hv
