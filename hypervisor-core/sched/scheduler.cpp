// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/sched/scheduler.hpp"

namespace zocalo::hv {

void Scheduler::append(SchedEntity& entity)
{
    Queue& queue = queues_[entity.cpu];
    entity.next = nullptr;
    if (queue.last != nullptr)
        queue.last->next = &entity;
    else
        queue.first = &entity;
    queue.last = &entity;
}

void Scheduler::remove(SchedEntity& entity)
{
    Queue& queue = queues_[entity.cpu];
    SchedEntity* before = nullptr;
    for (SchedEntity* at = queue.first; at != nullptr; before = at, at = at->next) {
        if (at != &entity)
            continue;
        if (before != nullptr)
            before->next = at->next;
        else
            queue.first = at->next;
        if (queue.last == at)
            queue.last = before;
        return;
    }
}

unsigned Scheduler::wake(SchedEntity& entity)
{
    if (entity.runnable)
        return kMaxCpus;
    entity.runnable = true;
    if (entity.running) // it was about to sleep, and now goes on
        return kMaxCpus;
    append(entity);
    return entity.cpu;
}

void Scheduler::sleep(SchedEntity& entity)
{
    if (!entity.runnable)
        return;
    entity.runnable = false;
    if (!entity.running)
        remove(entity);
}

Scheduler::Choice Scheduler::choose(unsigned cpu, SchedEntity* current, std::uint64_t now)
{
    if (current != nullptr) {
        current->running = false;
        if (current->runnable)
            append(*current);
    }
    SchedEntity* const next = queues_[cpu].first;
    if (next == nullptr)
        return {};
    remove(*next);
    next->running = true;
    // Alone it needs no slices.
    return {next, queues_[cpu].first != nullptr ? now + kSlice : ~std::uint64_t{0}};
}

} // namespace zocalo::hv
