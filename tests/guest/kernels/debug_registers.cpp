// SPDX-License-Identifier: Apache-2.0
// Hardware breakpoints: set by hypercall and by MOV, hit by data and by code, and never on what is
// not the guest's. Class: breakpoints on the hypervisor (XSA-156, XSA-444).
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {
namespace {

constexpr std::uint64_t kFirstStatus = 0xffff0ff0, kFirstControl = 0x400;
constexpr std::uint64_t kWatchWrites = 0xd0202; // DR0: four bytes, writes; global, exact

std::int64_t set(unsigned number, std::uint64_t value)
{
    return hypercall(__HYPERVISOR_set_debugreg, number, value);
}
std::uint64_t get(unsigned number)
{
    return static_cast<std::uint64_t>(hypercall(__HYPERVISOR_get_debugreg, number));
}

void check_values()
{
    for (const unsigned number : {0U, 1U, 2U, 3U}) {
        same(get(number), 0, "an address at first");
        same(set(number, 0x1000 + number), 0, "set");
        same(get(number), 0x1000 + number, "get");
        same(set(number, 0), 0, "set");
    }
    same(get(6), kFirstStatus, "DR6 at first");
    same(get(7), kFirstControl, "DR7 at first");
    std::uint64_t value;
    asm volatile("mov %%dr7, %0" : "=r"(value));
    same(value, kFirstControl, "MOV from DR7");
    asm volatile("mov %0, %%dr2" : : "r"(std::uint64_t{0x5000}));
    asm volatile("mov %%dr2, %0" : "=r"(value));
    same(value, 0x5000, "MOV to DR2");
    for (const std::uint64_t bad :
         {HYPERVISOR_VIRT_START + 0UL, 0xffff82d080000000UL, 0xffff830000000000UL})
        same(set(1, bad), kPerm, "an address of the hypervisor");
    same(set(7, std::uint64_t{1} << 32), kInvalid, "high bits of DR7");
    same(set(7, 1 << 13), kPerm, "general detect");
    same(set(6, std::uint64_t{1} << 32), kInvalid, "high bits of DR6");
    same(set(8, 0), -19, "no such register");
}

void check_data()
{
    static volatile std::uint32_t watched;
    same(set(0, reinterpret_cast<std::uint64_t>(&watched)), 0, "the address");
    same(set(7, kWatchWrites), 0, "on");
    const Trap trap = guarded([] { watched = 1; });
    same(trap.vector, kDebug, "a write");
    same(get(6) & 15, 1, "DR6 names the breakpoint");
    same(watched, 1, "it was done");
    // The hypervisor's own writes for the guest may pass over it.
    static std::uint32_t answer[16];
    same(set(0, reinterpret_cast<std::uint64_t>(&answer[1])), 0, "the address");
    same(hypercall(__HYPERVISOR_xen_version, 1, answer), 0, "an answer written over it");
    same(set(7, 0), 0, "off");
    same(guarded([] { watched = 2; }).vector, kNoTrap, "no more");
    same(set(6, 0), 0, "DR6 is cleared");
    same(get(6), kFirstStatus, "but for what is always set");
}

[[gnu::noinline]] void here()
{
    asm volatile("nop");
}

void check_code()
{
    same(set(0, reinterpret_cast<std::uint64_t>(&here)), 0, "the address");
    same(set(7, 0x202), 0, "on");
    const Trap trap = guarded([] { here(); });
    same(trap.vector, kDebug, "execution");
    same(trap.at.rip, reinterpret_cast<std::uint64_t>(&here), "before the instruction");
    same(set(7, 0), 0, "off");
}

// A breakpoint that MOV SS delays into the hypervisor's first instruction (XSA-260).
void check_delayed()
{
    static std::uint16_t selector = FLAT_KERNEL_SS;
    same(set(0, reinterpret_cast<std::uint64_t>(&selector)), 0, "the address");
    same(set(7, 0xf0202), 0, "on, reads too");
    const Trap trap = guarded([] {
        std::uint64_t rax = __HYPERVISOR_xen_version, rdi = 0, rsi = 0;
        asm volatile("mov %3, %%ss; syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi)
                     : "m"(selector)
                     : "rcx", "r11", "memory");
    });
    check(trap.vector == kDebug || trap.vector == kNoTrap, "a breakpoint or none: ", trap.vector);
    same(set(7, 0), 0, "off");
}

} // namespace

void test()
{
    check_values();
    check_data();
    check_code();
    check_delayed();
}

} // namespace zocalo::guest
