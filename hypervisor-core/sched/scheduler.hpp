// SPDX-License-Identifier: Apache-2.0
// Scheduler: which vCPU a processor runs next, by borrowed virtual time (Duda and Cheriton, "BVT:
// supporting latency-sensitive threads in a general-purpose scheduler", SOSP 1999; Xen's scheduler
// of 2003). Each entity's virtual time advances as it runs, the slower the heavier it is; the one
// that is furthest behind runs next, and goes on until it is ahead of the next by the
// context-switch allowance. One that wakes starts no further back than the queue has come, so
// sleeping earns nothing; warp borrows from the future for those that wake for a moment. Beyond the
// paper: one queue per processor with balancing between them, affinity, and caps. It knows
// entities, not vCPUs, and no hardware. Under the system lock.
#pragma once

#include "hypervisor-core/sched/sched_entity.hpp"

#include <array>

namespace zocalo::hv {

class Scheduler {
  public:
    // Context-switch allowance: the time slice, and what a woken entity waits at most for one that
    // runs.
    static constexpr std::uint64_t kSlice = 5'000'000; // ns
    static constexpr std::uint64_t kCapPeriod = 10'000'000;
    static constexpr std::uint64_t kBalance = 50'000'000; // between two looks at other queues

    struct Choice {
        SchedEntity* entity{};                  // null: nothing to run
        std::uint64_t until{~std::uint64_t{0}}; // when to choose again at the latest
        // The registers of the one that ran last must be saved now: it runs elsewhere next.
        bool release{};
        unsigned tell{kMaxCpus}; // another processor that must choose as well
    };

    // The processors that choose.
    void set_online(CpuMask cpus) { online_ = cpus; }

    // Makes the entity runnable; the processor that must choose again, or kMaxCpus.
    unsigned wake(SchedEntity& entity, std::uint64_t now);
    // No longer runnable; takes effect when its processor chooses again, if it is running.
    void sleep(SchedEntity& entity);
    // The running entity lets the next one run first.
    void yield(SchedEntity& entity) { entity.yielded = true; }
    // Where it may run; the processor that must choose again, or kMaxCpus.
    unsigned set_affinity(SchedEntity& entity, CpuMask cpus, std::uint64_t now);
    // What `cpu`, which ran `current` (or nothing), runs from now on.
    Choice choose(unsigned cpu, SchedEntity* current, std::uint64_t now);
    // The registers of the one that ran last on this idle processor have been saved.
    void released(unsigned cpu);
    // The entity, asleep, will not be heard of again.
    void forget(SchedEntity& entity);

  private:
    struct Queue {
        SchedEntity* first{}; // waiting, in no order
        SchedEntity* running{};
        SchedEntity* last{}; // ran last: its registers may still be there
        VirtualTime now{};   // the least virtual time in it; never goes back
        std::uint64_t balance_at{};
    };

    void append(SchedEntity& entity, unsigned cpu);
    void remove(SchedEntity& entity);
    void move(SchedEntity& entity, unsigned to, std::uint64_t now);
    unsigned place(const SchedEntity& entity) const;
    unsigned idle_among(CpuMask cpus, unsigned first) const;
    std::uint64_t load(unsigned cpu) const;
    void charge(SchedEntity& entity, std::uint64_t now);
    unsigned put_back(unsigned cpu, SchedEntity& current, std::uint64_t now);
    unsigned expel(unsigned cpu, std::uint64_t now);
    void refresh(Queue& queue, std::uint64_t now);
    SchedEntity* best(const Queue& queue, const SchedEntity* except) const;
    SchedEntity* candidate(unsigned cpu, std::uint64_t mine) const;
    void balance(unsigned cpu, SchedEntity* current, std::uint64_t now);
    void steal(unsigned cpu, std::uint64_t now);
    std::uint64_t run_until(
        const Queue& queue, const SchedEntity& entity, const SchedEntity* rival, std::uint64_t now
    ) const;
    SchedEntity* prefer(const Queue& queue, SchedEntity* current, SchedEntity* next) const;
    std::uint64_t next_refill(const Queue& queue) const;

    std::array<Queue, kMaxCpus> queues_{};
    CpuMask online_{1};
};

} // namespace zocalo::hv
