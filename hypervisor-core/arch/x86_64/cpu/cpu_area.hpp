// SPDX-License-Identifier: Apache-2.0
// CpuArea: what entry code needs of a processor, at an address that depends on its number only.
//
//   page 0     the first instructions of a system call (entry/entry.S), executable
//   page 1     CpuPage: their data, and the TSS
//   pages 3,5,7,9  stacks for NMI, double fault, machine check, debug
//   pages 11-15    the stack; at its end CpuTop, below it the guest's TrapFrame
//
// What lies between is not mapped.
#pragma once

#include "hypervisor-core/arch/x86_64/mm/layout.hpp"
#include "hypervisor-core/domain/system.hpp"
#include "hypervisor-core/hal/lock_order.hpp"

namespace zocalo::hv {

struct [[gnu::packed]] Tss {
    std::uint32_t reserved0{};
    std::uint64_t rsp[3]{};
    std::uint64_t reserved1{};
    std::uint64_t ist[7]{};
    std::uint64_t reserved2{};
    std::uint16_t reserved3{};
    std::uint16_t io_map{sizeof(Tss)}; // none: every port access of ring 3 traps
};
static_assert(sizeof(Tss) == 104);

// Offsets 0 and 8 are known to entry.S.
struct CpuPage {
    std::uint64_t guest_rsp{};
    std::uint64_t stack_top{};
    alignas(64) Tss tss{};
};

struct alignas(16) CpuTop {
    unsigned id{};
    LockOrder locks;
    bool timer_fired{};
    bool rests{};   // idles in the hypervisor's own address space
    Vcpu* loaded{}; // whose registers are in the processor, also while it idles after that
    const Domain* ran_last{}; // only to be compared: it may be gone
    System* system{};
    std::uint64_t armed_for{kNever}; // what the timer interrupt was asked for
    bool breakpoints{};              // DR7 has some enabled
};
static_assert(sizeof(CpuTop) % 16 == 0);

inline constexpr unsigned kCodePage = 0;
inline constexpr unsigned kDataPage = 1;
inline constexpr unsigned kFirstSpareStackPage = 3;
inline constexpr unsigned kSpareStacks = 4; // every second page from there
inline constexpr unsigned kFirstStackPage = 11;
inline constexpr unsigned kEndStackPage = 16;

constexpr std::uint64_t cpu_area(unsigned cpu)
{
    return layout::kCpuAreas + cpu * layout::kCpuAreaBytes;
}
constexpr std::uint64_t stack_end(unsigned cpu)
{
    return cpu_area(cpu) + layout::kCpuAreaBytes - sizeof(CpuTop);
}
inline CpuPage& cpu_page(unsigned cpu)
{
    return *reinterpret_cast<CpuPage*>(cpu_area(cpu) + kDataPage * kPageSize);
}

// This processor's, found from the stack it is on.
inline CpuTop& cpu_top()
{
    std::uint64_t sp;
    asm("mov %%rsp, %0" : "=r"(sp));
    return *reinterpret_cast<CpuTop*>((sp | (layout::kCpuAreaBytes - 1)) + 1 - sizeof(CpuTop));
}

// The registers of the guest that this processor runs.
inline TrapFrame& guest_frame(unsigned cpu)
{
    return *reinterpret_cast<TrapFrame*>(stack_end(cpu) - sizeof(TrapFrame));
}

} // namespace zocalo::hv
