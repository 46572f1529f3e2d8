// SPDX-License-Identifier: Apache-2.0
// The machine that unit tests run the rules on: RAM is an array, time a variable, guest memory a
// second array, and what would be done to processors is written down.
#pragma once

#include "hypervisor-core/console/ring.hpp"
#include "hypervisor-core/hal/processor.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace zocalo::hv {

struct FakeMachine {
    static constexpr std::size_t kFrames = 2048;
    static constexpr std::uint64_t kGuestStart = 0x10000; // guest addresses that can be copied
    static constexpr std::size_t kGuestBytes = 0x10000;

    std::uint64_t now{};
    unsigned cpu{};
    unsigned flushes{};
    CpuMask flushed_cpus{}; // where all translations were flushed
    CpuMask kicked{};
    std::uint64_t armed{};
    bool in_kernel_table{true};
    unsigned mode_switches{};
    unsigned debug_loads{};
    std::uint64_t debug_status{0xffff0ff0}; // DR6
    std::uint64_t extended_features{};      // XCR0 that there can be; 0: no XSAVE
    std::uint64_t xcr0{};
    std::string console;
    ConsoleRing ring;
    std::array<std::byte, kGuestBytes> guest{};

    std::byte* guest_bytes(std::uint64_t address) { return guest.data() + (address - kGuestStart); }
    // As after power on.
    void reset();
};

FakeMachine& fake_machine();

} // namespace zocalo::hv
