// SPDX-License-Identifier: Apache-2.0
// Several hypercalls in one: each result beside its call; an iret among them ends the row
// (XSA-213).
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/version.h>

namespace zocalo::guest {
namespace {

multicall_entry version_call()
{
    multicall_entry entry{};
    entry.op = __HYPERVISOR_xen_version;
    entry.args[0] = XENVER_version;
    return entry;
}

void check_results()
{
    multicall_entry entries[3] = {version_call(), {}, version_call()};
    entries[1].op = 63;
    same(hypercall(__HYPERVISOR_multicall, entries, 3), 0, "three calls");
    const std::int64_t version = hypercall(__HYPERVISOR_xen_version, XENVER_version);
    same(entries[0].result, version, "the first");
    same(entries[1].result, kNoSuchCall, "the second");
    same(entries[2].result, version, "the third");
    same(hypercall(__HYPERVISOR_multicall, entries, 0), 0, "none");
}

void check_nesting()
{
    static multicall_entry entries[2];
    entries[0] = {};
    entries[0].op = __HYPERVISOR_multicall;
    entries[0].args[0] = word(&entries[1]);
    entries[0].args[1] = 1;
    entries[1] = version_call();
    hypercall(__HYPERVISOR_multicall, entries, 1);
    check(static_cast<std::int64_t>(entries[0].result) < 0, "a row within a row");
    same(entries[1].result, 0, "is not made");
}

// The frame for the iret is on top of the stack, as for the hypercall alone.
void check_iret()
{
    static multicall_entry entries[2];
    entries[0] = {};
    entries[0].op = __HYPERVISOR_iret;
    entries[1] = version_call();
    static iret_context context;
    context = user_context([](std::uint64_t) { leave_user_space(5); });
    make_user_tables();
    const Trap trap = guarded([] {
        std::uint64_t sp;
        asm volatile("mov %%rsp, %0" : "=r"(sp));
        hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, sp - 1024);
        asm volatile("sub $72, %%rsp; mov %%rsp, %%rdi; mov $9, %%ecx; rep movsq; mov %0, %%rdi;"
                     "mov $2, %%esi; mov %1, %%eax; syscall; add $72, %%rsp"
                     :
                     : "r"(std::uint64_t{word(entries)}), "i"(__HYPERVISOR_multicall), "S"(&context)
                     : "rax", "rcx", "rdi", "r11", "memory");
    });
    same(trap.vector, kSyscall, "user space ran");
    same(trap.at.rax, 5, "and came back");
    same(entries[1].result, 0, "the call behind the iret was not made");
}

} // namespace

void test()
{
    check_results();
    check_nesting();
    check_iret();
}

} // namespace zocalo::guest
