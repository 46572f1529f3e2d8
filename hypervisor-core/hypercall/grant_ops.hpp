// SPDX-License-Identifier: Apache-2.0
// The sub-operations of HYPERVISOR_grant_table_op. All take a list in guest memory and answer per
// item; `grant_list` walks it, so that each handler is about one item.
#pragma once

#include "hypervisor-core/grant/grant_map.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

#include <algorithm>
#include <limits>
#include <span>

namespace zocalo::hv {

// Items between two looks at interrupts.
inline constexpr std::uint64_t kGrantBatch = 32;

// The granting domain's table. bad_domain: there is none, or it is going away.
inline GrantResult<GrantTable*> granter_of(Call& call, std::uint16_t number)
{
    const auto domain = policy::peer(call.system, call.domain(), number);
    if (!domain || (*domain)->dying)
        return GrantStatus::bad_domain;
    return &(*domain)->grants;
}

// Copies each item in, hands it to `carry_out`, and copies it out with the status it returned.
// fault: some item is not accessible; those before it are done and say so.
template <class Op, class CarryOut> Answer grant_list(Call& call, CarryOut carry_out)
{
    const GuestArray<Op> items{call.arguments[1]};
    const std::uint64_t count = call.arguments[2];
    const std::uint64_t end = std::min(count, kGrantBatch);
    for (std::uint64_t i = 0; i < end; ++i) {
        Op item = TRY(items[i].copy_in());
        item.status = static_cast<std::int16_t>(carry_out(item));
        TRY(items[i].copy_out(item)); // on a fault what was done stays done, and can be undone
    }
    if (end < count)
        return call.again({call.arguments[0], items[end].address(), count - end});
    return 0;
}

Answer grant_map(Call& call);               // GNTTABOP_map_grant_ref
Answer grant_unmap(Call& call);             // GNTTABOP_unmap_grant_ref
Answer grant_unmap_and_replace(Call& call); // GNTTABOP_unmap_and_replace
Answer grant_copy(Call& call);              // GNTTABOP_copy

} // namespace zocalo::hv
