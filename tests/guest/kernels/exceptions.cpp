// SPDX-License-Identifier: Apache-2.0
// Every exception that code in ring 3 can cause reaches the kernel's handler with the right vector,
// error code, address and place.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {
namespace {

void expect(const Trap& trap, std::uint64_t vector, std::uint64_t error, std::string_view what)
{
    same(trap.vector, vector, what);
    same(trap.error, error, what);
    same(trap.at.cs & 0xffff, FLAT_KERNEL_CS & ~3, "cs of a kernel's frame has ring 0");
    same(trap.at.ss, FLAT_KERNEL_SS, "ss");
}

void check_arithmetic()
{
    expect(
        guarded([] {
            asm volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx");
        }),
        kDivide,
        0,
        "division by zero"
    );
    expect(
        guarded([] {
            // x87: unmask division by zero, divide, and wait for it.
            const std::uint16_t control = 0x37b;
            asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
        }),
        kFpuError,
        0,
        "an x87 exception"
    );
    asm volatile("fninit");
}

void check_debug()
{
    const Trap breakpoint = guarded([] { asm volatile("int3"); });
    expect(breakpoint, kBreakpoint, 0, "int3");
    same(
        *reinterpret_cast<const std::uint8_t*>(breakpoint.at.rip - 1), 0xcc, "it is behind the int3"
    );
    const Trap step = guarded([] {
        asm volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "cc", "memory");
    });
    expect(step, kDebug, 0, "single step");
}

void check_instructions()
{
    const Trap invalid = guarded([] { asm volatile("ud2"); });
    expect(invalid, kInvalidOpcode, 0, "an invalid instruction");
    same(
        *reinterpret_cast<const std::uint16_t*>(invalid.at.rip),
        0x0b0f,
        "it points at the instruction"
    );
    expect(guarded([] { asm volatile("lidt (%%rsp)" ::: "memory"); }), kProtection, 0, "LIDT");
    expect(
        guarded([] { asm volatile("ltr %0"
                                  :
                                  : "r"(std::uint16_t{0})); }), kProtection, 0, "LTR"
    );
    expect(
        guarded([] {
            asm volatile("mov %0, %%ds" : : "r"(0xfff8));
        }),
        kProtection,
        0xfff8,
        "a selector beyond the GDT"
    );
}

void check_addresses()
{
    constexpr std::uint64_t kNonCanonical = 0x8000000000000000;
    expect(
        guarded([] { *reinterpret_cast<volatile int*>(kNonCanonical) = 0; }),
        kProtection,
        0,
        "a non-canonical address"
    );
    // By rbp the same is a stack fault; QEMU 7.2 makes it a protection fault as well.
    const Trap stack = guarded([] {
        asm volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rcx; pop %%rbp"
                     :
                     : "r"(kNonCanonical)
                     : "rcx", "memory");
    });
    check(stack.vector == kStackFault || stack.vector == kProtection, "by rbp: ", stack.vector);
    same(stack.error, 0, "its error code");
}

void check_page_faults()
{
    constexpr std::uint64_t kNothing = kFreeRange + 0x123;
    const Trap read =
        guarded([] { static_cast<void>(*reinterpret_cast<volatile char*>(kNothing)); });
    expect(read, kPageFault, 0, "reading an address without a table");
    same(read.address, kNothing, "its address");
    const Trap write = guarded([] { *reinterpret_cast<volatile char*>(kNothing) = 1; });
    expect(write, kPageFault, kFaultWrite, "writing there");
    Page& page = new_page();
    same(map(page, kReadOnly | kNoExecute), 0, "mapping a page read-only, not executable");
    const Trap forbidden = guarded([&] {
        page.words[3] = 1;
        asm volatile("" ::: "memory");
    });
    expect(forbidden, kPageFault, kFaultPresent | kFaultWrite, "writing to a read-only page");
    same(forbidden.address, reinterpret_cast<std::uint64_t>(&page.words[3]), "its address");
    const Trap execute = guarded([&] { reinterpret_cast<void (*)()> (&page)(); });
    expect(execute, kPageFault, kFaultPresent | kFaultFetch, "executing it");
    same(execute.address, reinterpret_cast<std::uint64_t>(&page), "its address");
    same(map(page, kReadWrite), 0, "mapping it writable again");
}

void check_alignment()
{
    // Ring 3 is where alignment is checked; the flag must be handed through to guests.
    alignas(8) static std::uint64_t pair[2];
    const Trap trap = in_user_space(
        [](std::uint64_t address) {
            *reinterpret_cast<volatile std::uint32_t*>(address + 1) = 1;
            leave_user_space(0);
        },
        word(&pair[0]),
        1 << 18
    );
    // Only with CR0.AM; both answers are lawful, but never anything else.
    check(
        trap.vector == kAlignment || trap.vector == kSyscall, "a misaligned access: ", trap.vector
    );
}

void check_fpu_switch()
{
    same(hypercall(__HYPERVISOR_fpu_taskswitch, 1), 0, "fpu_taskswitch");
    expect(guarded([] { asm volatile("fninit"); }), kNoFpu, 0, "the next FPU instruction");
    same(guarded([] { asm volatile("fninit"); }).vector, kNoTrap, "only that one");
}

} // namespace

void test()
{
    check_arithmetic();
    check_debug();
    check_instructions();
    check_addresses();
    check_page_faults();
    check_alignment();
    check_fpu_switch();
}

} // namespace zocalo::guest
