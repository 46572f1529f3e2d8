// SPDX-License-Identifier: Apache-2.0
// Who may do what to whom, in one place.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv::policy {

// The domain a caller names: itself, or any other when it is privileged. srch: there is none.
inline Result<Domain*> resolve(System& system, Domain& caller, std::uint32_t number)
{
    if (number == DOMID_SELF || number == caller.id.value)
        return &caller;
    Domain* const domain =
        number < kMaxDomains ? system.domain(DomId{static_cast<std::uint16_t>(number)}) : nullptr;
    if (domain == nullptr)
        return Errno::srch;
    if (!caller.privileged)
        return Errno::perm;
    return domain;
}

// Any existing domain, as the far end of an event channel or grant.
inline Result<Domain*> peer(System& system, Domain& caller, std::uint32_t number)
{
    if (number == DOMID_SELF)
        return &caller;
    Domain* const domain =
        number < kMaxDomains ? system.domain(DomId{static_cast<std::uint16_t>(number)}) : nullptr;
    if (domain == nullptr)
        return Errno::srch;
    return domain;
}

// Another domain than the caller's own, to be changed by the tools. srch, perm.
inline Result<Domain*> other(System& system, Domain& caller, std::uint32_t number)
{
    Domain* const domain = TRY(resolve(system, caller, number));
    if (domain == &caller)
        return Errno::perm;
    return domain;
}

// May use the tools' hypercalls (domctl, sysctl) at all.
inline Result<Unit> may_control(const Domain& caller)
{
    if (!caller.privileged)
        return Errno::perm;
    return Unit{};
}

} // namespace zocalo::hv::policy
