// SPDX-License-Identifier: Apache-2.0
// XSAVE and AVX: XCR0 takes what the processor has and nothing else, from the kernel only, and what
// is in the registers stays there while others run. On a processor without XSAVE, none of it may
// seem to be there. Class: state of one vCPU that another one sees (XSA-52, lazy FPU).
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/sched.h>

#include <array>

namespace zocalo::guest {
namespace {

constexpr std::uint32_t kXsave = 1 << 26, kOsXsave = 1 << 27, kAvx = 1 << 28;
constexpr std::uint64_t kCr4OsXsave = 1 << 18;

struct Leaf {
    std::uint32_t eax, ebx, ecx, edx;
};

// As kernels ask Xen by name.
Leaf cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0)
{
    Leaf out{leaf, 0, subleaf, 0};
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
                 : "+a"(out.eax), "=b"(out.ebx), "+c"(out.ecx), "=d"(out.edx));
    return out;
}

std::uint64_t xgetbv()
{
    std::uint32_t low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
}
void xsetbv(std::uint64_t value, std::uint32_t index = 0)
{
    const auto low = static_cast<std::uint32_t>(value);
    asm volatile("xsetbv" : : "a"(low), "d"(static_cast<std::uint32_t>(value >> 32)), "c"(index));
}
void use_avx()
{
    asm volatile("vxorps %ymm0, %ymm0, %ymm0");
}

void check_nothing_there()
{
    const Leaf features = cpuid(1);
    same(features.ecx & (kAvx | kOsXsave), 0, "AVX without XSAVE");
    same(cpuid(0xd).eax, 0, "features of XCR0");
    check(guarded([] { xsetbv(1); }).vector != kNoTrap, "XSETBV works");
    same(guarded([] { use_avx(); }).vector, kInvalidOpcode, "AVX");
}

void switch_on()
{
    std::uint64_t cr4 = 0;
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" : : "r"(cr4 | kCr4OsXsave));
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    check((cr4 & kCr4OsXsave) != 0, "CR4.OSXSAVE stays clear");
    check((cpuid(1).ecx & kOsXsave) != 0, "CPUID does not show OSXSAVE");
}

void check_values(std::uint64_t features)
{
    xsetbv(1);
    same(xgetbv(), 1, "XCR0 with the FPU alone");
    same(cpuid(0xd).ebx, 576, "the size of that state");
    same(guarded([] { use_avx(); }).vector, kInvalidOpcode, "AVX that is not switched on");
    for (const std::uint64_t bad : {0UL, 2UL, 1UL | 4UL, 1UL | 1UL << 62, 1UL << 63, ~0UL})
        same(guarded([bad] { xsetbv(bad); }).vector, kProtection, "an impossible XCR0");
    same(guarded([] { xsetbv(1, 1); }).vector, kProtection, "another register");
    same(xgetbv(), 1, "refused values change nothing");
    const Trap inside = in_user_space(
        [](std::uint64_t) {
            xsetbv(3);
            leave_user_space(0);
        },
        0
    );
    same(inside.vector, kProtection, "XSETBV in user space");
    xsetbv(features);
    same(xgetbv(), features, "all there is");
}

using Vector = std::array<std::uint64_t, 4>;

// What is in ymm7 before and after other vCPUs had the processor.
void check_registers_stay()
{
    for (std::uint64_t round = 0; round < 200; ++round) {
        Vector in{round, ~round, round * 0x9e3779b97f4a7c15, 0x55}, out{};
        asm volatile("vmovups %0, %%ymm7" : : "m"(in));
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
        hypercall(__HYPERVISOR_xen_version, 0);
        asm volatile("vmovups %%ymm7, %0" : "=m"(out));
        if (!check(in == out, "a register changed in round ", static_cast<std::int64_t>(round)))
            return;
    }
}

} // namespace

void test()
{
    if ((cpuid(1).ecx & kXsave) == 0)
        return check_nothing_there();
    const Leaf states = cpuid(0xd);
    check((states.eax & 3) == 3 && states.ecx >= 576, "FPU and SSE are not among the states");
    switch_on();
    check_values(states.eax);
    if ((states.eax & 4) != 0) {
        same(cpuid(0xd, 2).eax, 256, "the size of AVX's state");
        check_registers_stay();
    }
}

} // namespace zocalo::guest
