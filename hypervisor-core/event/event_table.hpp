// SPDX-License-Identifier: Apache-2.0
// EventTable: the event channels of one domain and the rules of binding them (xen/event_channel.h).
// Pure: it says what a send reaches; domain/notify.hpp sets the bits and wakes the vCPU. Under the
// system lock.
#pragma once

#include "common/base/address.hpp"
#include "common/base/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::hv {

struct Channel {
    // The values are the ABI's (EVTCHNSTAT_*), but for `reserved`.
    enum class State : std::uint8_t { closed, unbound, interdomain, pirq, virq, ipi, reserved };

    State state{State::closed};
    bool waiting{};         // FIFO: pending, but there is no word for it yet
    DomId remote{};         // unbound: who may bind; interdomain: the other end's domain
    std::uint32_t number{}; // interdomain: the other end's port; pirq, virq: its number
    std::uint16_t vcpu{};   // whom it notifies
    // FIFO: its queue, and the one it was put into last.
    std::uint16_t last_vcpu{};
    std::uint8_t priority{kDefaultPriority};
    std::uint8_t last_priority{kDefaultPriority};

    static constexpr std::uint8_t kDefaultPriority = 7; // EVTCHN_FIFO_PRIORITY_DEFAULT
};

// What a send reaches: a port of the same or another domain.
struct EventTarget {
    DomId domain{};
    EventPort port{};
};

class EventTable {
  public:
    static constexpr std::uint32_t kMaxPorts = 4096; // two-level ABI, 64-bit
    static constexpr std::uint32_t kPortsPerBucket = 256;

    // The highest port there may be; none beyond it is given out.
    void set_limit(std::uint32_t highest) { limit_ = highest; }

    // Memory for kPortsPerBucket more channels; asked for by `has_room` before binding.
    bool has_room() const;
    void add_bucket(std::span<Channel, kPortsPerBucket> bucket);

    // A bucket that is not needed any more, once all channels are closed; null when none is left.
    Channel* take_bucket();

    // Any of these: nospc when has_room() is false.
    Result<EventPort> alloc_unbound(DomId remote);
    Result<EventPort> bind_virq(std::uint32_t virq, std::uint32_t vcpu);
    Result<EventPort> bind_ipi(std::uint32_t vcpu);
    Result<EventPort> bind_pirq(std::uint32_t pirq);
    // A new port here for `port` of `other`, which must be unbound for `self`; both become
    // interdomain. `other` may be this table (loopback).
    Result<EventPort>
    bind_interdomain(DomId self, EventTable& other, DomId other_id, EventPort port);

    Result<Unit> bind_vcpu(EventPort port, std::uint32_t vcpu);
    // What was closed, for the caller to undo the other end (`disconnect`), or the PIRQ.
    Result<Channel> close(EventPort port);
    // The other end of an interdomain channel is gone: unbound again, for the same domain.
    void disconnect(EventPort port);

    Result<EventTarget> send(DomId self, EventPort port) const;
    std::optional<EventPort> find_virq(std::uint32_t virq, std::uint32_t vcpu) const;

    // inval when there is no such port, or it is closed.
    Result<Channel> look(EventPort port) const;
    // The channel to change what is not about binding; null when there is no such port, or it is
    // closed.
    Channel* find(EventPort port);
    bool is_valid(EventPort port) const { return port.value < ports_; }
    std::uint32_t ports() const { return ports_; }

  private:
    Channel& at(EventPort port);
    const Channel& at(EventPort port) const;
    Result<EventPort> take(const Channel& as);

    std::array<Channel*, kMaxPorts / kPortsPerBucket> buckets_{};
    std::uint32_t ports_{};
    std::uint32_t limit_{kMaxPorts - 1};
    std::uint32_t used_{};
};
static_assert(sizeof(Channel) * EventTable::kPortsPerBucket <= kPageSize);

} // namespace zocalo::hv
