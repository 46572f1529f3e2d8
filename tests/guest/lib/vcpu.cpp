// SPDX-License-Identifier: Apache-2.0
#include "tests/guest/lib/vcpu.hpp"

#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include <array>

extern "C" char other_vcpu_entry[];

namespace zocalo::guest {

constexpr std::uint64_t kStackBytes = 0x4000;
extern "C" {
alignas(kStackBytes) std::array<std::byte, kMaxVcpus * kStackBytes> cpu_stacks;
}

unsigned this_vcpu()
{
    std::uint64_t sp;
    asm("mov %%rsp, %0" : "=r"(sp));
    return sp - 1 < reinterpret_cast<std::uint64_t>(cpu_stacks.data()) + kStackBytes ? 0 : 1;
}

std::int64_t start_vcpu(void (*function)())
{
    static vcpu_guest_context context;
    context = {};
    context.flags = VGCF_in_kernel;
    context.user_regs.rip = reinterpret_cast<std::uint64_t>(other_vcpu_entry);
    context.user_regs.rdi = reinterpret_cast<std::uint64_t>(function);
    context.user_regs.rsp = reinterpret_cast<std::uint64_t>(cpu_stacks.data()) + 2 * kStackBytes;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.rflags = 1 << 12; // privilege level 1 for ports, as Linux sets it
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = xen_pfn_to_cr3(root_mfn());
    for (unsigned vector = 0; vector < 256; ++vector) {
        context.trap_ctxt[vector].vector = static_cast<std::uint8_t>(vector);
        context.trap_ctxt[vector].flags = 4;
        context.trap_ctxt[vector].cs = FLAT_KERNEL_CS;
        context.trap_ctxt[vector].address = trap_entry(vector);
    }
    context.event_callback_eip = event_entry_address();
    context.failsafe_callback_eip = failsafe_entry_address();
    context.syscall_callback_eip = syscall_entry_address();
    const std::int64_t made = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, &context);
    return made != 0 ? made : hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0);
}

void stop_this_vcpu()
{
    for (;;)
        hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, this_vcpu(), 0);
}

void yield()
{
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
}

} // namespace zocalo::guest
