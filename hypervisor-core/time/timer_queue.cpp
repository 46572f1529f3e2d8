// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/time/timer_queue.hpp"

namespace zocalo::hv {

void TimerQueue::arm(Timer& timer, std::uint64_t deadline)
{
    cancel(timer);
    timer.deadline = deadline;
    Timer* before = nullptr;
    for (Timer* at = first_; at != nullptr && at->deadline <= deadline; at = at->next)
        before = at;
    timer.previous = before;
    timer.next = before != nullptr ? before->next : first_;
    if (timer.next != nullptr)
        timer.next->previous = &timer;
    if (before != nullptr)
        before->next = &timer;
    else
        first_ = &timer;
    timer.queue = this;
    changed();
}

void TimerQueue::cancel(Timer& timer)
{
    if (timer.queue == nullptr)
        return;
    if (timer.previous != nullptr)
        timer.previous->next = timer.next;
    else
        timer.queue->first_ = timer.next;
    if (timer.next != nullptr)
        timer.next->previous = timer.previous;
    TimerQueue& queue = *timer.queue;
    timer = Timer{.kind = timer.kind};
    queue.changed();
}

void TimerQueue::changed()
{
    earliest_.store(first_ != nullptr ? first_->deadline : kNever, std::memory_order_relaxed);
}

Timer* TimerQueue::take_due(std::uint64_t now)
{
    Timer* const due = first_;
    if (due == nullptr || due->deadline > now)
        return nullptr;
    cancel(*due);
    return due;
}

} // namespace zocalo::hv
