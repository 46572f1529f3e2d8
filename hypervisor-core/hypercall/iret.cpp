// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_iret: the guest's kernel returns from a trap; the frame is on its stack
// (iret_context). The entry code answers it by itself, without this file, when it can.
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/pv/bounce.hpp"

namespace zocalo::hv {

Answer hypercall::iret(Call& call)
{
    if (pv::return_from_kernel(call.vcpu, call.frame))
        return Answer::unchanged();
    crash_domain(call.system, call.domain());
    return Errno::fault;
}

} // namespace zocalo::hv
