// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/sched/scheduler.hpp"

#include "hypervisor-core/sched/virtual_time.hpp"

namespace zocalo::hv {
namespace {

constexpr bool may_run_on(const SchedEntity& entity, unsigned cpu)
{
    return (entity.affinity >> cpu & 1) != 0;
}

// The context-switch allowance in the entity's own virtual time.
VirtualTime allowance(const SchedEntity& entity)
{
    return VirtualTime{Scheduler::kSlice * kDefaultWeight / entity.group->weight};
}

} // namespace

void Scheduler::append(SchedEntity& entity, unsigned cpu)
{
    Queue& queue = queues_[cpu];
    entity.cpu = cpu;
    entity.previous = nullptr;
    entity.next = queue.first;
    if (queue.first != nullptr)
        queue.first->previous = &entity;
    queue.first = &entity;
}

void Scheduler::remove(SchedEntity& entity)
{
    if (entity.previous != nullptr)
        entity.previous->next = entity.next;
    else
        queues_[entity.cpu].first = entity.next;
    if (entity.next != nullptr)
        entity.next->previous = entity.previous;
    entity.next = entity.previous = nullptr;
}

// An entity that is in no queue now belongs to another one: there it is as far behind or ahead as
// it was here.
void Scheduler::move(SchedEntity& entity, unsigned to, std::uint64_t now)
{
    const VirtualTime ahead = entity.actual - queues_[entity.cpu].now;
    entity.actual = queues_[to].now + std::max(ahead, VirtualTime{0});
    entity.cpu = to;
    entity.arrived = now;
}

// The sum of the weights of all that would run on the processor now.
std::uint64_t Scheduler::load(unsigned cpu) const
{
    const Queue& queue = queues_[cpu];
    std::uint64_t sum = queue.running != nullptr ? queue.running->group->weight : 0;
    for (const SchedEntity* at = queue.first; at != nullptr; at = at->next)
        if (!at->parked)
            sum += at->group->weight;
    return sum;
}

// Where an entity that wakes is put: where it was if nobody is there, else where nobody is, else
// where it was, if it may be there.
// An idle processor of these, `first` if it is one; kMaxCpus: none.
unsigned Scheduler::idle_among(CpuMask cpus, unsigned first) const
{
    const CpuMask online = cpus & online_;
    if ((cpus >> first & 1) != 0 && load(first) == 0)
        return first;
    for (unsigned cpu = 0; cpu < kMaxCpus && (online >> cpu) != 0; ++cpu)
        if ((online >> cpu & 1) != 0 && load(cpu) == 0)
            return cpu;
    return kMaxCpus;
}

unsigned Scheduler::place(const SchedEntity& entity) const
{
    if (entity.kept)
        return entity.cpu;
    for (const CpuMask cpus : {entity.affinity & entity.liking, entity.affinity})
        if (const unsigned idle = idle_among(cpus, entity.cpu); idle != kMaxCpus)
            return idle;
    unsigned found = may_run_on(entity, entity.cpu) ? entity.cpu : kMaxCpus;
    std::uint64_t least = found != kMaxCpus ? load(found) : ~std::uint64_t{0};
    for (unsigned cpu = 0; cpu < kMaxCpus && (online_ >> cpu) != 0; ++cpu) {
        if ((online_ >> cpu & 1) == 0 || !may_run_on(entity, cpu))
            continue;
        const std::uint64_t there = load(cpu);
        if (found == kMaxCpus || (found != entity.cpu && there < least)) {
            found = cpu;
            least = there;
        }
    }
    return found != kMaxCpus ? found : entity.cpu;
}

unsigned Scheduler::wake(SchedEntity& entity, std::uint64_t now)
{
    if (entity.runnable)
        return kMaxCpus;
    entity.runnable = true;
    if (entity.running) // it was about to sleep, and now goes on
        return kMaxCpus;
    if (const unsigned cpu = place(entity); cpu != entity.cpu)
        move(entity, cpu, now);
    refresh(queues_[entity.cpu], now);
    // Nothing is earned by sleeping.
    entity.actual = std::max(entity.actual, queues_[entity.cpu].now);
    begin_warp(entity, now);
    entity.parked = false;
    append(entity, entity.cpu);
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

unsigned Scheduler::set_affinity(SchedEntity& entity, CpuMask cpus, std::uint64_t now)
{
    entity.affinity = cpus;
    if (may_run_on(entity, entity.cpu))
        return kMaxCpus;
    if (entity.running || entity.kept)
        return entity.cpu; // it is moved, or let go of, when its processor chooses
    if (entity.runnable)
        remove(entity);
    if (const unsigned cpu = place(entity); cpu != entity.cpu)
        move(entity, cpu, now);
    if (entity.runnable)
        append(entity, entity.cpu);
    return entity.runnable ? entity.cpu : kMaxCpus;
}

void Scheduler::charge(SchedEntity& entity, std::uint64_t now)
{
    const std::uint64_t elapsed = now > entity.since ? now - entity.since : 0;
    entity.since = now;
    entity.actual += virtual_of(entity, elapsed);
    account_warp(entity, elapsed, now);
    SchedGroup& group = *entity.group;
    if (group.cap != 0) {
        refill(group, kCapPeriod, now - elapsed); // what the period had when it began to run
        group.budget -= static_cast<std::int64_t>(elapsed);
        refill(group, kCapPeriod, now);
    }
}

// Brings a queue up to date: who is held back by a cap, and how far virtual time has come.
void Scheduler::refresh(Queue& queue, std::uint64_t now)
{
    if (queue.running != nullptr)
        charge(*queue.running, now);
    VirtualTime least = queue.running != nullptr ? queue.running->actual : queue.now;
    bool any = queue.running != nullptr;
    for (SchedEntity* at = queue.first; at != nullptr; at = at->next) {
        refill(*at->group, kCapPeriod, now);
        if (is_exhausted(*at->group)) {
            at->parked = true;
            continue;
        }
        if (at->parked) { // waiting for the cap is like sleeping: nothing is earned by it
            at->parked = false;
            at->actual = std::max(at->actual, queue.now);
        }
        least = any ? std::min(least, at->actual) : at->actual;
        any = true;
    }
    queue.now = std::max(queue.now, least);
}

SchedEntity* Scheduler::best(const Queue& queue, const SchedEntity* except) const
{
    SchedEntity* found = nullptr;
    for (SchedEntity* at = queue.first; at != nullptr; at = at->next)
        if (!at->parked && at != except && (found == nullptr || effective(*at) < effective(*found)))
            found = at;
    return found;
}

// Takes one entity from the processor that has most waiting, when this one has none.
void Scheduler::steal(unsigned cpu, std::uint64_t now)
{
    SchedEntity* found = nullptr;
    std::uint64_t most = 0;
    for (unsigned other = 0; other < kMaxCpus && (online_ >> other) != 0; ++other) {
        if (other == cpu || load(other) <= most)
            continue;
        for (SchedEntity* at = queues_[other].first; at != nullptr; at = at->next)
            if (!at->parked && !at->kept && may_run_on(*at, cpu)) {
                found = at;
                most = load(other);
                break;
            }
    }
    if (found == nullptr)
        return;
    remove(*found);
    move(*found, cpu, now);
    append(*found, cpu);
}

// The waiting entity that has been longest on the busiest other processor and may come here.
SchedEntity* Scheduler::candidate(unsigned cpu, std::uint64_t mine) const
{
    SchedEntity* found = nullptr;
    std::uint64_t most = mine;
    for (unsigned other = 0; other < kMaxCpus && (online_ >> other) != 0; ++other) {
        const std::uint64_t theirs = load(other);
        if (other == cpu || theirs <= mine || theirs < most)
            continue;
        for (SchedEntity* at = queues_[other].first; at != nullptr; at = at->next) {
            if (at->parked || at->kept || !may_run_on(*at, cpu))
                continue;
            if (found == nullptr || theirs > most || at->arrived < found->arrived) {
                found = at;
                most = theirs;
            }
        }
    }
    return found;
}

// Takes an entity from a busier processor if that makes the two more alike. If they would only
// change roles, two entities change places instead: over time everybody gets the same.
void Scheduler::balance(unsigned cpu, SchedEntity* current, std::uint64_t now)
{
    if (now < queues_[cpu].balance_at)
        return;
    queues_[cpu].balance_at = now + kBalance;
    const std::uint64_t mine = load(cpu);
    SchedEntity* const comes = candidate(cpu, mine);
    if (comes == nullptr)
        return;
    const unsigned other = comes->cpu;
    const std::uint64_t weight = comes->group->weight;
    const bool evens = mine + weight < load(other);
    const bool swaps = !evens && current != nullptr && current->runnable && current->cpu == cpu &&
                       !current->parked && current->group->weight == weight &&
                       may_run_on(*current, other);
    if (!evens && !swaps)
        return;
    remove(*comes);
    move(*comes, cpu, now);
    append(*comes, cpu);
    if (swaps) {
        remove(*current);
        move(*current, other, now);
        append(*current, other);
    }
}

std::uint64_t Scheduler::next_refill(const Queue& queue) const
{
    std::uint64_t when = ~std::uint64_t{0};
    for (const SchedEntity* at = queue.first; at != nullptr; at = at->next)
        if (at->parked)
            when = std::min(when, at->group->period_start + kCapPeriod);
    return when;
}

std::uint64_t Scheduler::run_until(
    const Queue& queue, const SchedEntity& entity, const SchedEntity* rival, std::uint64_t now
) const
{
    std::uint64_t until = next_refill(queue);
    if (rival != nullptr) {
        const VirtualTime left = effective(*rival) + allowance(entity) - effective(entity);
        until = std::min(until, now + real_of(entity, left));
    }
    const SchedGroup& group = *entity.group;
    if (group.cap != 0)
        until = std::min(
            until, now + static_cast<std::uint64_t>(std::max<std::int64_t>(group.budget, 1))
        );
    if (rival != nullptr && group.warp.limit != 0 && entity.warped)
        until = std::min(until, now + group.warp.limit - entity.warped_for);
    if ((online_ & (online_ - 1)) != 0)
        until = std::min(until, queue.balance_at);
    return until;
}

// The processor the entity went to, if that is another one; else kMaxCpus.
unsigned Scheduler::put_back(unsigned cpu, SchedEntity& current, std::uint64_t now)
{
    current.running = false;
    queues_[cpu].running = nullptr;
    if (!current.runnable)
        return kMaxCpus;
    if (!may_run_on(current, cpu)) {
        current.kept = false; // either another one runs here now, or it is released
        if (const unsigned other = place(current); other != cpu) {
            move(current, other, now);
            append(current, other);
            return other;
        }
    }
    append(current, cpu);
    return kMaxCpus;
}

// The one whose registers are still on this idle processor is not to run here any more: it waits
// elsewhere, if it waits. The processor it went to, or kMaxCpus.
unsigned Scheduler::expel(unsigned cpu, std::uint64_t now)
{
    SchedEntity* const last = queues_[cpu].last;
    if (last == nullptr || !last->kept || last->cpu != cpu || may_run_on(*last, cpu))
        return kMaxCpus;
    last->kept = false; // the caller saves them
    const unsigned other = place(*last);
    if (last->runnable)
        remove(*last);
    move(*last, other, now);
    if (!last->runnable)
        return kMaxCpus;
    append(*last, other);
    return other;
}

// Whether the one that ran goes on in spite of another whose turn it is.
SchedEntity* Scheduler::prefer(const Queue& queue, SchedEntity* current, SchedEntity* next) const
{
    if (next == current) {
        SchedEntity* const other = current->yielded ? best(queue, current) : nullptr;
        return other != nullptr ? other : current;
    }
    const bool goes_on = current->runnable && !current->parked && !current->yielded &&
                         effective(*current) < effective(*next) + allowance(*current);
    return goes_on ? current : next;
}

Scheduler::Choice Scheduler::choose(unsigned cpu, SchedEntity* current, std::uint64_t now)
{
    Queue& queue = queues_[cpu];
    Choice choice;
    refresh(queue, now);
    choice.tell = current != nullptr ? put_back(cpu, *current, now) : expel(cpu, now);
    balance(cpu, current, now);
    refresh(queue, now);
    SchedEntity* next = best(queue, nullptr);
    if (next == nullptr) {
        steal(cpu, now);
        next = best(queue, nullptr);
    }
    if (next != nullptr && current != nullptr && current->cpu == cpu)
        next = prefer(queue, current, next);
    if (current != nullptr)
        current->yielded = false;
    if (next == nullptr) {
        choice.until = next_refill(queue);
        choice.release = queue.last != nullptr && queue.last->cpu != cpu;
        return choice;
    }
    remove(*next);
    next->running = true;
    next->since = now;
    queue.running = next;
    released(cpu);
    queue.last = next;
    next->kept = true;
    choice.entity = next;
    choice.until = run_until(queue, *next, best(queue, nullptr), now);
    return choice;
}

void Scheduler::released(unsigned cpu)
{
    Queue& queue = queues_[cpu];
    if (queue.last != nullptr)
        queue.last->kept = false;
    queue.last = nullptr;
}

void Scheduler::forget(SchedEntity& entity)
{
    sleep(entity);
    for (Queue& queue : queues_)
        if (queue.last == &entity)
            queue.last = nullptr;
    entity.kept = false;
}

} // namespace zocalo::hv
