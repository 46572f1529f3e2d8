// SPDX-License-Identifier: Apache-2.0
// The guest's user space: system calls and exceptions come to the kernel's stack with ring 3 in cs,
// and user space makes no hypercalls. Class: privilege of hypercalls from user mode.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/sched.h>

namespace zocalo::guest {
namespace {

void check_syscall()
{
    const Trap trap =
        in_user_space([](std::uint64_t argument) { leave_user_space(argument + 1); }, 41);
    same(trap.vector, kSyscall, "a system call arrives");
    same(trap.at.rax, 42, "with its registers");
    same(trap.at.cs & 3, 3, "ring 3 in cs");
    same(trap.at.ss, FLAT_USER_SS64, "ss");
    same(trap.at.rcx, trap.at.rip, "rcx holds the return address");
}

void check_no_hypercalls()
{
    static sched_shutdown reason{SHUTDOWN_crash};
    const Trap trap = in_user_space(
        [](std::uint64_t argument) {
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, argument);
            leave_user_space(0);
        },
        word(&reason)
    );
    same(trap.vector, kSyscall, "what would be a hypercall is a system call");
    same(trap.at.rax, __HYPERVISOR_sched_op, "its number");
}

void check_exceptions()
{
    const Trap invalid = in_user_space([](std::uint64_t) { asm volatile("ud2"); }, 0);
    same(invalid.vector, kInvalidOpcode, "an invalid instruction");
    same(invalid.at.cs & 3, 3, "it was user space");
    const Trap read = in_user_space(
        [](std::uint64_t address) {
            static_cast<void>(*reinterpret_cast<volatile char*>(address));
        },
        kFreeRange
    );
    same(read.vector, kPageFault, "a page fault");
    same(read.error, kFaultUser, "its error code says user");
    same(read.address, kFreeRange, "its address");
    for (const auto function :
         {+[](std::uint64_t) { asm volatile("cli"); },
          +[](std::uint64_t) { asm volatile("hlt"); },
          +[](std::uint64_t) {
              asm volatile("mov %%cr3, %%rax" ::: "rax");
          },
          +[](std::uint64_t) {
              asm volatile("in $0x60, %%al" ::: "rax");
          },
          +[](std::uint64_t) {
              asm volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx");
          }}) {
        const Trap trap = in_user_space(function, 0);
        same(trap.vector, kProtection, "a privileged instruction");
        same(trap.error, 0, "its error code");
    }
}

// What the kernel's frame says of events is what the iret sets again.
void check_event_mask()
{
    for (const unsigned mask : {0U, 1U}) {
        iret_context context = user_context([](std::uint64_t) { leave_user_space(0); });
        context.rflags = mask != 0 ? 0 : 1 << 9;
        vcpu_area().evtchn_upcall_pending = 0;
        const Trap trap = run_iret(context, 0);
        same(trap.at.rflags >> 9 & 1, mask == 0, "IF stands for the event mask");
        vcpu_area().evtchn_upcall_mask = 1;
    }
}

} // namespace

void test()
{
    check_syscall();
    check_no_hypercalls();
    check_exceptions();
    check_event_mask();
}

} // namespace zocalo::guest
