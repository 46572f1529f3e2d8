// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/pirq.hpp"

#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/hal/interrupts.hpp"

namespace zocalo::hv {

Result<Unit> start_pirq(System& system, Domain& domain, std::uint32_t pirq, EventPort port)
{
    if (pirq >= system.pirqs.size() || !system.pirqs[pirq].mapped)
        return Errno::inval;
    Pirq& entry = system.pirqs[pirq];
    if (entry.port != EventPort{})
        return Errno::busy;
    entry.owner = domain.id;
    entry.port = port;
    hal::unmask_pirq(pirq);
    return Unit{};
}

void stop_pirq(System& system, std::uint32_t pirq)
{
    if (pirq >= system.pirqs.size())
        return;
    hal::mask_pirq(pirq);
    system.pirqs[pirq].port = EventPort{};
}

void raise_pirq(System& system, std::uint32_t pirq)
{
    const Pirq& entry = system.pirqs[pirq];
    Domain* const domain = system.domain(entry.owner);
    if (domain != nullptr && entry.port != EventPort{})
        notify_port(system, *domain, entry.port);
}

Result<Unit> end_pirq(System& system, std::uint32_t pirq)
{
    if (pirq >= system.pirqs.size() || !system.pirqs[pirq].mapped)
        return Errno::inval;
    if (system.pirqs[pirq].port != EventPort{})
        hal::end_pirq(pirq);
    return Unit{};
}

} // namespace zocalo::hv
