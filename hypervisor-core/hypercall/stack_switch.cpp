// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_stack_switch: where the guest's kernel finds its stack when its user space traps.
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::stack_switch(Call& call)
{
    call.vcpu.pv.kernel_ss = ring3(call.arguments[0]);
    call.vcpu.pv.kernel_sp = call.arguments[1];
    return 0;
}

} // namespace zocalo::hv
