// SPDX-License-Identifier: Apache-2.0
// One function per privileged instruction; the only inline assembly that is not a copy loop.
#pragma once

#include <cstdint>

namespace zocalo::hv::x86 {

inline void out8(std::uint16_t port, std::uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void out16(std::uint16_t port, std::uint16_t value)
{
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
inline void out32(std::uint16_t port, std::uint32_t value)
{
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
inline std::uint8_t in8(std::uint16_t port)
{
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline std::uint16_t in16(std::uint16_t port)
{
    std::uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline std::uint32_t in32(std::uint16_t port)
{
    std::uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

inline std::uint64_t read_msr(std::uint32_t msr)
{
    std::uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return static_cast<std::uint64_t>(high) << 32 | low;
}
inline void write_msr(std::uint32_t msr, std::uint64_t value)
{
    asm volatile("wrmsr"
                 :
                 : "c"(msr),
                   "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

struct CpuidResult {
    std::uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0)
{
    CpuidResult r;
    asm volatile("cpuid"
                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                 : "a"(leaf), "c"(subleaf));
    return r;
}

inline std::uint64_t tsc()
{
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return static_cast<std::uint64_t>(high) << 32 | low;
}

inline std::uint64_t read_cr2()
{
    std::uint64_t value;
    asm volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
inline void write_cr2(std::uint64_t value)
{
    asm volatile("mov %0, %%cr2" : : "r"(value));
}
inline std::uint64_t read_cr3()
{
    std::uint64_t value;
    asm volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
inline void write_cr3(std::uint64_t value)
{
    asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}
inline std::uint64_t read_cr4()
{
    std::uint64_t value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
inline void write_cr4(std::uint64_t value)
{
    asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}
inline std::uint64_t read_xcr0()
{
    std::uint32_t low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
}
inline void write_xcr0(std::uint64_t value)
{
    asm volatile("xsetbv" : : "a"(static_cast<std::uint32_t>(value)), "d"(value >> 32), "c"(0));
}
inline void invalidate_page(std::uint64_t address)
{
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}
inline void swap_gs()
{
    asm volatile("swapgs" : : : "memory");
}
inline void disable_interrupts()
{
    asm volatile("cli" : : : "memory");
}
inline void pause()
{
    asm volatile("pause" : : : "memory");
}
// Those that wait are handled now.
inline void take_interrupts()
{
    asm volatile("sti; nop; cli" : : : "memory");
}
inline void wait_for_interrupt()
{
    asm volatile("sti; hlt; cli" : : : "memory");
}
[[noreturn]] inline void stop()
{
    for (;;)
        asm volatile("cli; hlt");
}

} // namespace zocalo::hv::x86
