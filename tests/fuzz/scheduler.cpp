// SPDX-License-Identifier: Apache-2.0
// The scheduler with entities that wake, sleep, move and change their shares at any time. Whatever
// happens: what is chosen wants to run, may run there and runs nowhere else, and no processor is
// idle while something waits that it may run.
#include "hypervisor-core/sched/scheduler.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

namespace zocalo::hv {
namespace {

constexpr unsigned kEntities = 8, kGroups = 3;

struct Machine {
    std::unique_ptr<Scheduler> scheduler = std::make_unique<Scheduler>();
    unsigned cpus;
    std::uint64_t now{1};
    std::array<SchedGroup, kGroups> groups{};
    std::array<SchedEntity, kEntities> entities{};
    std::array<SchedEntity*, 4> current{};

    explicit Machine(unsigned count) : cpus{count}
    {
        scheduler->set_online((CpuMask{1} << cpus) - 1);
        for (unsigned i = 0; i < kEntities; ++i) {
            entities[i].group = &groups[i % kGroups];
            entities[i].cpu = i % cpus;
        }
    }

    static void insist(bool holds)
    {
        if (!holds)
            std::abort();
    }
    void choose(unsigned cpu)
    {
        const auto choice = scheduler->choose(cpu, current[cpu], now);
        current[cpu] = choice.entity;
        if (choice.release)
            scheduler->released(cpu);
        if (choice.entity == nullptr)
            return;
        insist(choice.until > now);
        insist(choice.entity->running && choice.entity->runnable && choice.entity->cpu == cpu);
        insist((choice.entity->affinity >> cpu & 1) != 0);
        insist(std::count(current.begin(), current.end(), choice.entity) == 1);
    }
    void tell(unsigned cpu)
    {
        if (cpu != kMaxCpus)
            choose(cpu);
    }
    // All decide, as they do soon after they are told to.
    void settle()
    {
        for (unsigned round = 0; round < 2; ++round)
            for (unsigned cpu = 0; cpu < cpus; ++cpu)
                choose(cpu);
        for (unsigned cpu = 0; cpu < cpus; ++cpu)
            for (const SchedEntity& entity : entities)
                insist(
                    current[cpu] != nullptr || !entity.runnable || entity.running ||
                    entity.parked || entity.kept || (entity.affinity >> cpu & 1) == 0
                );
    }
    void act(const std::uint8_t* record)
    {
        SchedEntity& entity = entities[record[1] % kEntities];
        SchedGroup& group = *entity.group;
        const CpuMask all = (CpuMask{1} << cpus) - 1;
        switch (record[0] % 8) {
        case 0:
        case 1:
            return tell(scheduler->wake(entity, now));
        case 2:
            scheduler->sleep(entity);
            return entity.running ? choose(entity.cpu) : void();
        case 3:
            if (const CpuMask mask = record[2] & all; mask != 0)
                tell(scheduler->set_affinity(entity, mask, now));
            return;
        case 4:
            group.weight = record[2] * 256U + 1;
            return;
        case 5:
            group.cap = record[2] % 120U;
            return;
        case 6:
            if (entity.running)
                scheduler->yield(entity);
            return;
        default:
            return choose(record[1] % cpus);
        }
    }
};

} // namespace
} // namespace zocalo::hv

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::hv;
    if (size == 0)
        return 0;
    Machine machine{1U + data[0] % 4U};
    constexpr std::size_t kRecord = 4;
    for (std::size_t at = 1; at + kRecord <= size && at < 512 * kRecord; at += kRecord) {
        machine.now += std::uint64_t{data[at + 3]} * data[at + 3] * 1000;
        machine.act(data + at);
        if (data[at + 3] % 4 == 0)
            machine.settle();
    }
    return 0;
}
