// SPDX-License-Identifier: Apache-2.0
// A kernel without a handler for its exception ends, and only it.
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {

void test()
{
    set_trap_table(nullptr);
    expect_crash("an exception without a handler");
    asm volatile("ud2");
}

} // namespace zocalo::guest
