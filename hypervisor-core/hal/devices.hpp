// SPDX-License-Identifier: Apache-2.0
// The machine's devices as dom0 is let at them. Implemented in arch/.
#pragma once

#include <cstdint>

namespace zocalo::hv::hal {

// Ports, `width` bytes: 1, 2 or 4.
std::uint32_t read_port(std::uint16_t port, unsigned width);
void write_port(std::uint16_t port, std::uint32_t value, unsigned width);

struct CpuidLeaf {
    std::uint32_t eax, ebx, ecx, edx;
};
CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf);

// Ends the machine's power, or starts it again.
[[noreturn]] void power_off();
[[noreturn]] void reboot();

} // namespace zocalo::hv::hal
