// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_set_debugreg, HYPERVISOR_get_debugreg: as MOV to and from debug registers.
#include "hypervisor-core/pv/debug_registers.hpp"

#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::set_debugreg(Call& call)
{
    return pv::write_debug_register(call.vcpu, call.arguments[0], call.arguments[1]);
}

Answer hypercall::get_debugreg(Call& call)
{
    const auto value = pv::read_debug_register(call.vcpu, call.arguments[0]);
    return value ? Answer{static_cast<std::int64_t>(*value)} : Answer{value.error()};
}

} // namespace zocalo::hv
