// SPDX-License-Identifier: Apache-2.0
// The event channel hypercall by two domains and dom0, while one of them may be ending. Whatever
// they ask for: the two ends of a channel name each other, and nobody is bound to a domain that is
// gone.
#include "tests/fuzz/hostile_guest.hpp"

#include <xen/event_channel.h>

#include <cstring>

namespace zocalo::hv {
namespace {

constexpr DomId kPeer{2};

struct Machine : HostileGuest {
    Domain* peer = *create_domain(*system, kPeer, 1);
    bool ended{};

    Machine()
    {
        static_cast<void>(create_vcpu(*system, *system->domain(kDom0), 0, 0));
        static_cast<void>(create_vcpu(*system, *peer, 0, 0));
        system->domain(kDom0)->privileged = true;
        for (Domain* domain : {guest, peer})
            domain->events.set_limit(40); // so that ports of one meet those of another
    }

    // dom0, the guest or its peer.
    Vcpu* caller(unsigned which)
    {
        Domain* const domain = which % 3 == 2 && ended
                                   ? nullptr
                                   : system->domain(DomId{static_cast<std::uint16_t>(which % 3)});
        return domain != nullptr && !domain->dying ? domain->vcpus[0] : nullptr;
    }

    void check_channels()
    {
        for (Domain* domain : system->domains)
            for (std::uint32_t port = 1; domain != nullptr && port < domain->events.ports(); ++port)
                check_channel(*domain, port);
    }
    void check_channel(const Domain& domain, std::uint32_t port)
    {
        const auto channel = domain.events.look(EventPort{port});
        if (!channel || channel->state != Channel::State::interdomain)
            return;
        const Domain* const other = system->domain(channel->remote);
        if (other == nullptr)
            std::abort();
        const auto end = other->events.look(EventPort{channel->number});
        if (!end || end->state != Channel::State::interdomain || end->number != port ||
            end->remote != domain.id)
            std::abort();
    }
    void end_peer()
    {
        if (!ended)
            ended = destroy_step(*system, *peer);
    }
    void end_all()
    {
        while (!ended)
            end_peer();
        Domain& dom0 = *system->domain(kDom0);
        for (std::uint32_t port = 1; port < dom0.events.ports(); ++port)
            if (const auto was = dom0.events.close(EventPort{port});
                was && was->state == Channel::State::interdomain)
                if (Domain* const remote = system->domain(was->remote); remote != nullptr)
                    remote->events.disconnect(EventPort{was->number});
        while (!destroy_step(*system, *guest)) {
        }
        if (system->domain(DomId{1}) != nullptr || system->domain(kPeer) != nullptr)
            std::abort();
    }
};

} // namespace
} // namespace zocalo::hv

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::hv;
    Machine machine;
    // Records: who and what, then four words of a byte each.
    constexpr std::size_t kRecord = 6;
    for (std::size_t at = 0; at + kRecord <= size && at < 256 * kRecord; at += kRecord) {
        const std::uint8_t* const record = data + at;
        if (record[0] == 0xff) {
            machine.end_peer();
        } else if (Vcpu* const caller = machine.caller(record[0]); caller != nullptr) {
            // Wide enough for each of the operations' structures, whose members have 16, 32 or 64
            // bits: the same small numbers at any of these places.
            std::array<std::uint16_t, 16> words{};
            for (std::size_t i = 0; i < words.size(); ++i)
                words[i] = record[2 + i % 4] < 0xf8 ? record[2 + i % 4] % 48U : 0U;
            if (record[2] >= 0xf0)
                words[0] = DOMID_SELF;
            if (record[3] >= 0xf0)
                words[1] = DOMID_SELF;
            std::memcpy(fake_machine().guest.data(), words.data(), sizeof(words));
            const std::uint64_t operation = record[1] % 16U;
            machine.call_as(
                *caller, __HYPERVISOR_event_channel_op, {operation, FakeMachine::kGuestStart}
            );
        }
        machine.check_channels();
    }
    machine.end_all();
    return 0;
}
