// SPDX-License-Identifier: Apache-2.0
// RFLAGS of a guest in ring 3. Source: Intel SDM volume 1, section 3.4.3.
#pragma once

#include <cstdint>

namespace zocalo::hv::pv {

inline constexpr std::uint64_t kFlagTrap = 1 << 8;
inline constexpr std::uint64_t kFlagInterrupts = 1 << 9;
inline constexpr unsigned kIoPrivilegeShift = 12;
inline constexpr std::uint64_t kFlagIoPrivilege = 3 << kIoPrivilegeShift;
inline constexpr std::uint64_t kFlagNested = 1 << 14;
inline constexpr std::uint64_t kFlagResume = 1 << 16;
inline constexpr std::uint64_t kFlagVirtual8086 = 1 << 17;
inline constexpr std::uint64_t kFlagAlignment = 1 << 18;
inline constexpr std::uint64_t kFlagVirtualInterrupts = 3 << 19;

// The flags a guest may have set, with interrupts on as they always are below a hypervisor.
constexpr std::uint64_t guest_flags(std::uint64_t flags)
{
    constexpr std::uint64_t kNever =
        kFlagIoPrivilege | kFlagNested | kFlagVirtual8086 | kFlagVirtualInterrupts;
    return (flags & 0x3fffff & ~kNever) | kFlagInterrupts | 2;
}

} // namespace zocalo::hv::pv
