// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_set_debugreg, HYPERVISOR_get_debugreg: remembered, but not loaded: hardware
// breakpoints do not work in guests.
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::set_debugreg(Call& call)
{
    auto& registers = call.vcpu.pv.debug;
    if (call.arguments[0] >= registers.size())
        return Errno::inval;
    registers[call.arguments[0]] = call.arguments[1];
    return 0;
}

Answer hypercall::get_debugreg(Call& call)
{
    const auto& registers = call.vcpu.pv.debug;
    if (call.arguments[0] >= registers.size())
        return Errno::inval;
    return static_cast<std::int64_t>(registers[call.arguments[0]]);
}

} // namespace zocalo::hv
