// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/pv/emulate.hpp"

namespace zocalo::hv::pv {

std::uint64_t& register_of(TrapFrame& frame, unsigned number)
{
    std::uint64_t* const registers[16] = {
        &frame.rax,
        &frame.rcx,
        &frame.rdx,
        &frame.rbx,
        &frame.rsp,
        &frame.rbp,
        &frame.rsi,
        &frame.rdi,
        &frame.r8,
        &frame.r9,
        &frame.r10,
        &frame.r11,
        &frame.r12,
        &frame.r13,
        &frame.r14,
        &frame.r15};
    return *registers[number & 15];
}

std::span<const std::uint8_t> fetch(const TrapFrame& frame, std::array<std::uint8_t, 16>& buffer)
{
    if (hal::copy_from_guest(buffer.data(), frame.rip, buffer.size()))
        return buffer;
    // The instruction may be the last one before an unmapped page.
    const std::size_t left = kPageSize - (frame.rip & (kPageSize - 1));
    if (left < buffer.size() && hal::copy_from_guest(buffer.data(), frame.rip, left))
        return std::span{buffer}.first(left);
    return {};
}

} // namespace zocalo::hv::pv
