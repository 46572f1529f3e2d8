// SPDX-License-Identifier: Apache-2.0
// Ports, CLI and STI follow the level that PHYSDEVOP_set_iopl gives, the port bitmap, and with
// VMASST_TYPE_architectural_iopl the flags of an iret. An unprivileged guest reaches no device by
// them. Class: I/O leaks.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/physdev.h>

namespace zocalo::guest {
namespace {

std::int64_t set_level(unsigned level)
{
    physdev_set_iopl args{level};
    return hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &args);
}

void cli(std::uint64_t)
{
    asm volatile("cli; sti");
    leave_user_space(0);
}
void port(std::uint64_t number)
{
    asm volatile("out %%al, %%dx; in %%dx, %%al" : : "d"(number) : "rax");
    leave_user_space(0);
}

// Vectors of the four: both instructions, by the kernel and by user space.
void expect(std::uint64_t kernel, std::uint64_t user, unsigned level)
{
    same(guarded([] { asm volatile("cli; sti"); }).vector, kernel, "the kernel's cli");
    same(
        guarded([] {
            asm volatile("out %%al, $0x80" : : "a"(0));
        }).vector,
        kernel,
        "the kernel's out"
    );
    same(in_user_space(cli, 0).vector, user, "user space's cli");
    same(in_user_space(port, 0x80).vector, user, "user space's out");
    check(level < 4, "level ", level);
}

void check_levels()
{
    same(set_level(0), 0, "level 0");
    expect(kProtection, kProtection, 0);
    same(set_level(1), 0, "level 1");
    expect(kNoTrap, kProtection, 1);
    same(set_level(3), 0, "level 3");
    expect(kNoTrap, kSyscall, 3);
    same(set_level(4), kInvalid, "no such level");
    same(set_level(1), 0, "level 1");
}

void check_bitmap()
{
    static std::uint8_t bits[32];
    for (std::uint8_t& byte : bits)
        byte = 0xff;
    bits[0x80 / 8] = 0xfe;
    physdev_set_iobitmap args{};
    args.bitmap.p = bits;
    args.nr_ports = 256;
    same(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &args), 0, "a bitmap");
    same(in_user_space(port, 0x80).vector, kSyscall, "the port it allows");
    same(in_user_space(port, 0x81).vector, kProtection, "one it does not");
    same(in_user_space(port, 0x180).vector, kProtection, "one beyond its end");
    args.nr_ports = 0x10001;
    same(
        hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &args),
        kInvalid,
        "too many ports"
    );
    args.nr_ports = 0;
    same(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &args), 0, "none");
}

void check_nothing_behind()
{
    // The serial port's scratch register, the PIC's mask, CMOS: nobody answers, and nothing is
    // changed.
    for (const unsigned number : {0x3ffU, 0x21U, 0x71U, 0x60U}) {
        std::uint8_t value = 0x55;
        asm volatile("out %%al, %%dx" : : "a"(value), "d"(number));
        asm volatile("in %%dx, %%al" : "=a"(value) : "d"(number));
        same(value, 0xff, "what a port reads");
    }
    std::uint32_t value;
    asm volatile("out %%eax, %%dx" : : "a"(0x80000000), "d"(0xcf8));
    asm volatile("in %%dx, %%eax" : "=a"(value) : "d"(0xcfc));
    same(value, 0xffffffff, "PCI configuration space");
}

void check_architectural()
{
    same(
        hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl),
        0,
        "asked for"
    );
    in_user_space([](std::uint64_t) { leave_user_space(0); }, 0); // its iret says level 0
    expect(kNoTrap, kProtection, 0);
    const Trap trap = in_user_space([](std::uint64_t) { leave_user_space(0); }, 0, 3 << 12);
    same(trap.at.rflags >> 12 & 3, 3, "the frame shows the level");
    same(in_user_space(cli, 0, 3 << 12).vector, kSyscall, "user space at level 3");
    same(in_user_space(cli, 0).vector, kProtection, "and at 0 again");
}

} // namespace

void test()
{
    check_levels();
    check_bitmap();
    check_nothing_behind();
    check_architectural();
}

} // namespace zocalo::guest
