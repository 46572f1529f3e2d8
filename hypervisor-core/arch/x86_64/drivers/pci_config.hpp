// SPDX-License-Identifier: Apache-2.0
// PCI configuration space through ports 0xcf8 and 0xcfc. The address port is shared with dom0,
// whose value is kept and written again for each of its accesses (machine.cpp). Under the system
// lock.
#pragma once

#include <cstdint>

namespace zocalo::hv::pci {

struct Function {
    std::uint8_t bus{}, devfn{};
};

std::uint32_t read32(Function function, unsigned offset);
void write32(Function function, unsigned offset, std::uint32_t value);
std::uint16_t read16(Function function, unsigned offset);

// Where the function's capability `id` starts; 0: it has none.
unsigned find_capability(Function function, std::uint8_t id);

} // namespace zocalo::hv::pci
