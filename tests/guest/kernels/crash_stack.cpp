// SPDX-License-Identifier: Apache-2.0
// A kernel without a stack for its exception frame ends, and only it.
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {

void test()
{
    expect_crash("an exception with its stack in the hypervisor's memory");
    asm volatile("mov %0, %%rsp; ud2" : : "r"(0xffff830000100000));
}

} // namespace zocalo::guest
