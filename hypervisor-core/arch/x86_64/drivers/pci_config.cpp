// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/drivers/pci_config.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"

namespace zocalo::hv::pci {
namespace {

constexpr std::uint16_t kAddressPort = 0xcf8;
constexpr std::uint16_t kDataPort = 0xcfc;

void select(Function function, unsigned offset)
{
    constexpr std::uint32_t kEnable = 0x80000000;
    x86::out32(
        kAddressPort,
        kEnable | std::uint32_t{function.bus} << 16 | std::uint32_t{function.devfn} << 8 |
            (offset & 0xfc)
    );
}

} // namespace

std::uint32_t read32(Function function, unsigned offset)
{
    select(function, offset);
    return x86::in32(kDataPort);
}

void write32(Function function, unsigned offset, std::uint32_t value)
{
    select(function, offset);
    x86::out32(kDataPort, value);
}

std::uint16_t read16(Function function, unsigned offset)
{
    return static_cast<std::uint16_t>(read32(function, offset) >> (8 * (offset & 2)));
}

unsigned find_capability(Function function, std::uint8_t id)
{
    constexpr unsigned kStatus = 6, kFirst = 0x34;
    constexpr std::uint16_t kHasList = 1 << 4;
    if ((read16(function, kStatus) & kHasList) == 0)
        return 0;
    unsigned at = read32(function, kFirst) & 0xfc;
    // A list longer than the space it lies in goes round in circles.
    for (unsigned i = 0; i < 48 && at != 0; ++i) {
        const std::uint16_t entry = read16(function, at);
        if ((entry & 0xff) == id)
            return at;
        at = entry >> 8 & 0xfc;
    }
    return 0;
}

} // namespace zocalo::hv::pci
