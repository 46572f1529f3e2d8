// SPDX-License-Identifier: Apache-2.0
// TrapFrame: a vCPU's registers as the entry code pushes them (arch/x86_64/entry). While the vCPU
// runs it lies on the processor's stack, otherwise in Vcpu::regs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zocalo::hv {

struct TrapFrame {
    std::uint64_t r15, r14, r13, r12, rbp, rbx;
    std::uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    std::uint32_t error_code;
    std::uint32_t vector;
    std::uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(TrapFrame) == 168 && offsetof(TrapFrame, rip) == 128);

// What entered the hypervisor when it was no exception: TrapFrame::vector.
inline constexpr std::uint32_t kSyscallVector = 0x100;

} // namespace zocalo::hv
