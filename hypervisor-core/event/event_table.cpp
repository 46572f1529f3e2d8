// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/event/event_table.hpp"

namespace zocalo::hv {

using State = Channel::State;

namespace {

// What a port is from now on. The queue that its event word may still be in stays known.
void change(Channel& channel, Channel to)
{
    to.last_vcpu = channel.last_vcpu;
    to.last_priority = channel.last_priority;
    channel = to;
}

} // namespace

Channel& EventTable::at(EventPort port)
{
    return buckets_[port.value / kPortsPerBucket][port.value % kPortsPerBucket];
}

const Channel& EventTable::at(EventPort port) const
{
    return buckets_[port.value / kPortsPerBucket][port.value % kPortsPerBucket];
}

bool EventTable::has_room() const
{
    return used_ < ports_ || ports_ == kMaxPorts || ports_ > limit_;
}

void EventTable::add_bucket(std::span<Channel, kPortsPerBucket> bucket)
{
    for (Channel& channel : bucket)
        channel = Channel{};
    buckets_[ports_ / kPortsPerBucket] = bucket.data();
    if (ports_ == 0) { // port 0 means "none" to guests
        bucket[0].state = State::reserved;
        used_ = 1;
    }
    ports_ += kPortsPerBucket;
}

Channel* EventTable::take_bucket()
{
    if (ports_ == 0)
        return nullptr;
    ports_ -= kPortsPerBucket;
    return buckets_[ports_ / kPortsPerBucket];
}

Result<EventPort> EventTable::take(const Channel& as)
{
    for (EventPort port{1}; used_ < ports_ && port.value < ports_ && port.value <= limit_;
         ++port.value)
        if (at(port).state == State::closed) {
            change(at(port), as);
            ++used_;
            return port;
        }
    return Errno::nospc;
}

Result<EventPort> EventTable::alloc_unbound(DomId remote)
{
    return take({.state = State::unbound, .remote = remote});
}

Result<EventPort> EventTable::bind_virq(std::uint32_t virq, std::uint32_t vcpu)
{
    if (find_virq(virq, vcpu))
        return Errno::exist;
    return take({.state = State::virq, .number = virq, .vcpu = static_cast<std::uint16_t>(vcpu)});
}

Result<EventPort> EventTable::bind_ipi(std::uint32_t vcpu)
{
    return take({.state = State::ipi, .vcpu = static_cast<std::uint16_t>(vcpu)});
}

Result<EventPort> EventTable::bind_pirq(std::uint32_t pirq)
{
    return take({.state = State::pirq, .number = pirq});
}

Result<EventPort>
EventTable::bind_interdomain(DomId self, EventTable& other, DomId other_id, EventPort port)
{
    if (!other.is_valid(port))
        return Errno::inval;
    const Channel& end = other.at(port);
    if (end.state != State::unbound || end.remote != self)
        return Errno::inval;
    const EventPort mine =
        TRY(take({.state = State::interdomain, .remote = other_id, .number = port.value}));
    Channel& theirs = other.at(port);
    theirs.state = State::interdomain;
    theirs.remote = self;
    theirs.number = mine.value;
    return mine;
}

Result<Unit> EventTable::bind_vcpu(EventPort port, std::uint32_t vcpu)
{
    if (!is_valid(port))
        return Errno::inval;
    Channel& channel = at(port);
    // A per-vCPU VIRQ or an IPI is tied to its vCPU.
    if (channel.state != State::unbound && channel.state != State::interdomain &&
        channel.state != State::pirq && channel.state != State::virq)
        return Errno::inval;
    channel.vcpu = static_cast<std::uint16_t>(vcpu);
    return Unit{};
}

Result<Channel> EventTable::close(EventPort port)
{
    const Channel was = TRY(look(port));
    change(at(port), Channel{});
    --used_;
    return was;
}

void EventTable::disconnect(EventPort port)
{
    Channel& channel = at(port);
    channel.state = State::unbound;
    channel.number = 0;
}

Result<EventTarget> EventTable::send(DomId self, EventPort port) const
{
    const Channel channel = TRY(look(port));
    switch (channel.state) {
    case State::interdomain:
        return EventTarget{channel.remote, EventPort{channel.number}};
    case State::ipi:
        return EventTarget{self, port};
    case State::unbound:
        return EventTarget{self, EventPort{}}; // nobody is there yet: nothing is sent, no error
    default:
        return Errno::inval;
    }
}

std::optional<EventPort> EventTable::find_virq(std::uint32_t virq, std::uint32_t vcpu) const
{
    for (EventPort port{1}; port.value < ports_; ++port.value) {
        const Channel& channel = at(port);
        if (channel.state == State::virq && channel.number == virq && channel.vcpu == vcpu)
            return port;
    }
    return std::nullopt;
}

Channel* EventTable::find(EventPort port)
{
    return look(port) ? &at(port) : nullptr;
}

Result<Channel> EventTable::look(EventPort port) const
{
    if (!is_valid(port))
        return Errno::inval;
    const Channel& channel = at(port);
    if (channel.state == State::closed || channel.state == State::reserved)
        return Errno::inval;
    return channel;
}

} // namespace zocalo::hv
