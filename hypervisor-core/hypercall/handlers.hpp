// SPDX-License-Identifier: Apache-2.0
// One handler per hypercall; each has the file of its name.
#pragma once

#include "hypervisor-core/hypercall/call.hpp"

namespace zocalo::hv::hypercall {

Answer callback_op(Call& call);
Answer console_io(Call& call);
Answer domctl(Call& call);
Answer event_channel_op(Call& call);
Answer fpu_taskswitch(Call& call);
Answer get_debugreg(Call& call);
Answer grant_table_op(Call& call);
Answer iret(Call& call);
Answer memory_op(Call& call);
Answer mmu_update(Call& call);
Answer mmuext_op(Call& call);
Answer multicall(Call& call);
Answer physdev_op(Call& call);
Answer platform_op(Call& call);
Answer sched_op(Call& call);
Answer set_debugreg(Call& call);
Answer set_gdt(Call& call);
Answer set_segment_base(Call& call);
Answer set_timer_op(Call& call);
Answer set_trap_table(Call& call);
Answer stack_switch(Call& call);
Answer sysctl(Call& call);
Answer update_descriptor(Call& call);
Answer update_va_mapping(Call& call);
Answer vcpu_op(Call& call);
Answer vm_assist(Call& call);
Answer xen_version(Call& call);

} // namespace zocalo::hv::hypercall
