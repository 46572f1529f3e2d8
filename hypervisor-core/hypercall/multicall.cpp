// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_multicall: several hypercalls in a row, each result beside its call.
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::multicall(Call& call)
{
    const GuestArray<multicall_entry> entries{call.arguments[0]};
    const std::uint64_t count = call.arguments[1];
    constexpr std::uint64_t kMost = 1 << 16;
    constexpr std::uint64_t kBatch = 64; // calls between two looks at interrupts
    if (count > kMost)
        return Errno::inval;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i == kBatch || (i != 0 && call.system.tables.wants_a_rest()))
            return call.again({entries[i].address(), count - i, 0, 0, 0});
        multicall_entry entry = TRY(entries[i].copy_in());
        if (entry.op == __HYPERVISOR_multicall) { // would nest without end
            entry.result = static_cast<xen_ulong_t>(-static_cast<std::int64_t>(Errno::inval));
        } else {
            Call inner{
                call.system,
                call.vcpu,
                call.frame,
                entry.op,
                {entry.args[0], entry.args[1], entry.args[2], entry.args[3], entry.args[4]}};
            const Answer answer = dispatch_part(inner);
            // Its iret has taken it to where no more hypercalls may be made in its kernel's name.
            if (answer.kind() == Answer::Kind::unchanged)
                return answer;
            if (answer.kind() == Answer::Kind::again) {
                // Go on with what is left of this entry, then with the rest.
                for (std::size_t a = 0; a < answer.arguments().size(); ++a)
                    entry.args[a] = answer.arguments()[a];
                TRY(entries[i].copy_out(entry));
                return call.again({entries[i].address(), count - i, 0, 0, 0});
            }
            entry.result = static_cast<xen_ulong_t>(answer.value());
        }
        // The guest's word of the result, no other: what it changes meanwhile stays changed.
        TRY(GuestRef<xen_ulong_t>{
            entries[i].address() + __builtin_offsetof(multicall_entry, result)}
                .copy_out(entry.result));
    }
    return 0;
}

} // namespace zocalo::hv
