// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_set_timer_op: the vCPU's one-shot timer, at an absolute system time; 0 stops it.
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::set_timer_op(Call& call)
{
    TimerQueue& timers = call.system.cpus[call.vcpu.sched.cpu].timers;
    if (call.arguments[0] == 0)
        timers.cancel(call.vcpu.one_shot);
    else
        timers.arm(call.vcpu.one_shot, call.arguments[0]);
    return 0;
}

} // namespace zocalo::hv
