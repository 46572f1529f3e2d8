// SPDX-License-Identifier: Apache-2.0
// Older kernels call into a page that the domain builder has the hypervisor fill; newer ones
// execute `syscall`. Both must work, and numbers without a hypercall are refused.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/version.h>

extern "C" char hypercall_page[];

namespace zocalo::guest {
namespace {

std::int64_t by_page(unsigned number, std::uint64_t a, std::uint64_t b)
{
    constexpr unsigned kEntryBytes = 32;
    std::uint64_t rax = reinterpret_cast<std::uint64_t>(hypercall_page) + number * kEntryBytes;
    asm volatile("call *%%rax" : "+a"(rax), "+D"(a), "+S"(b) : : "rcx", "r11", "memory");
    return static_cast<std::int64_t>(rax);
}

// The registers a hypercall must leave alone.
void check_preserved()
{
    std::uint64_t rbx = 0x1111, r12 = 0x2222, rdi = XENVER_version, rax = __HYPERVISOR_xen_version;
    std::uint64_t r9 = 0x3333;
    asm volatile(
        "mov %[nine], %%r9; mov %[b], %%rbx; mov %[twelve], %%r12; xor %%esi, %%esi; syscall;"
        "mov %%rbx, %[b]; mov %%r12, %[twelve]; mov %%r9, %[nine]"
        : [b] "+m"(rbx), [twelve] "+m"(r12), [nine] "+m"(r9), "+D"(rdi), "+a"(rax)
        :
        : "rbx", "r12", "r9", "rsi", "rcx", "r11", "memory"
    );
    same(rbx, 0x1111, "rbx");
    same(r12, 0x2222, "r12");
    same(r9, 0x3333, "r9");
}

} // namespace

void test()
{
    const std::int64_t version = hypercall(__HYPERVISOR_xen_version, XENVER_version, 0);
    check(version >= 4 << 16, "the version");
    same(by_page(__HYPERVISOR_xen_version, XENVER_version, 0), version, "the version, by the page");
    xen_feature_info features{0, 0};
    same(by_page(__HYPERVISOR_xen_version, XENVER_get_features, word(&features)), 0, "features");
    check(features.submap != 0, "there are features");
    for (const unsigned number : {27U, 43U, 47U, 56U, 63U, 64U, 1000U, 0x80000000U, ~0U})
        if (number != __HYPERVISOR_xsm_op)
            same(hypercall(number), kNoSuchCall, "a number without a hypercall");
    check_preserved();
}

} // namespace zocalo::guest
