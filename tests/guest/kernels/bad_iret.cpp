// SPDX-License-Identifier: Apache-2.0
// Returns to where no code can run: to the guest that is an exception at that place, and nothing to
// the hypervisor. Class: the way out of the hypervisor (XSA-7 and its kind).
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {
namespace {

void nothing(std::uint64_t)
{
    leave_user_space(7);
}

} // namespace

void test()
{
    iret_context context = user_context(nothing);
    same(run_iret(context, 0).vector, kSyscall, "a good return");

    context.cs = 0x1003; // beyond the guest's GDT: nothing is there
    Trap trap = run_iret(context, 0);
    same(trap.vector, kProtection, "a code selector without descriptor");
    same(trap.error, 0x1000, "its error code");

    context = user_context(nothing);
    context.cs = FLAT_USER_SS64; // data
    trap = run_iret(context, 0);
    same(trap.vector, kProtection, "data as code");
    same(trap.error, FLAT_USER_SS64 & ~3, "its error code");

    context = user_context(nothing);
    context.ss = FLAT_USER_CS64; // code
    trap = run_iret(context, 0);
    same(trap.vector, kProtection, "code as stack");
    same(trap.error, FLAT_USER_CS64 & ~3, "its error code");

    context = user_context(nothing);
    context.rip = 0x0000800000000000;
    trap = run_iret(context, 0);
    same(trap.vector, kProtection, "an address that is not canonical");
    same(trap.error, 0, "its error code");

    // Privileged flags are not the guest's to load.
    context = user_context(nothing);
    context.rflags |= 3 << 12 | 1 << 17 | 3 << 19;
    trap = run_iret(context, 0);
    same(trap.vector, kSyscall, "flags that are not for guests");
    same(trap.at.rflags & (3 << 12 | 1 << 17 | 3 << 19), 0, "are not set");
}

} // namespace zocalo::guest
