// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_fpu_taskswitch: whether the guest's next FPU instruction traps.
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::fpu_taskswitch(Call& call)
{
    call.vcpu.pv.task_switched = call.arguments[0] != 0;
    hal::set_task_switched(call.vcpu.pv.task_switched);
    return 0;
}

} // namespace zocalo::hv
