// SPDX-License-Identifier: Apache-2.0
// A return to user space without tables for it ends the kernel, and only it.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

extern "C" void enter_user(const iret_context* context, std::uint64_t argument);

namespace zocalo::guest {

void test()
{
    const iret_context context = user_context([](std::uint64_t) {});
    expect_crash("a return to user space without page tables");
    enter_user(&context, 0);
}

} // namespace zocalo::guest
