// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_set_trap_table: the guest's handlers of exceptions, ended by an entry with address 0.
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::set_trap_table(Call& call)
{
    PvState& pv = call.vcpu.pv;
    const GuestArray<trap_info> entries{call.arguments[0]};
    if (entries.is_null()) {
        pv.traps = {};
        return 0;
    }
    // More than one per vector makes no sense, so the loop has an end whatever the guest wrote.
    for (std::size_t i = 0; i <= pv.traps.size(); ++i) {
        trap_info entry = TRY(entries[i].copy_in());
        if (entry.address == 0)
            return 0;
        entry.cs = ring3(entry.cs);
        pv.traps[entry.vector] = entry;
    }
    return Errno::inval;
}

} // namespace zocalo::hv
