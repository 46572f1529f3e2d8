// SPDX-License-Identifier: Apache-2.0
// hal/devices.hpp: ports, CPUID, power.
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/devices.hpp"

namespace zocalo::hv {

namespace {

constexpr std::uint16_t kPciAddress = 0xcf8;
constexpr std::uint16_t kPciData = 0xcfc;

// What dom0 last wrote to the PCI address port; between its two accesses we may use the port.
constinit std::uint32_t pci_address = 0;

bool is_pci_data(std::uint16_t port)
{
    return port >= kPciData && port < kPciData + 4;
}

} // namespace

std::uint32_t hal::read_port(std::uint16_t port, unsigned width)
{
    if (port == kPciAddress && width == 4)
        return pci_address;
    if (is_pci_data(port))
        x86::out32(kPciAddress, pci_address);
    switch (width) {
    case 1:
        return x86::in8(port);
    case 2:
        return x86::in16(port);
    default:
        return x86::in32(port);
    }
}

void hal::write_port(std::uint16_t port, std::uint32_t value, unsigned width)
{
    if (port == kPciAddress && width == 4) {
        pci_address = value;
        return;
    }
    if (is_pci_data(port))
        x86::out32(kPciAddress, pci_address);
    switch (width) {
    case 1:
        x86::out8(port, static_cast<std::uint8_t>(value));
        break;
    case 2:
        x86::out16(port, static_cast<std::uint16_t>(value));
        break;
    default:
        x86::out32(port, value);
        break;
    }
}

hal::CpuidLeaf hal::cpuid(std::uint32_t leaf, std::uint32_t subleaf)
{
    const auto r = x86::cpuid(leaf, subleaf);
    return {r.eax, r.ebx, r.ecx, r.edx};
}

void hal::reboot()
{
    log("the machine starts again");
    constexpr std::uint16_t kResetControl = 0xcf9, kKeyboard = 0x64;
    x86::out8(kResetControl, 0x02);
    x86::out8(kResetControl, 0x06);
    x86::out8(kKeyboard, 0xfe);
    x86::stop();
}

void hal::power_off()
{
    // dom0 names the registers (XENPF_enter_acpi_sleep) before it shuts down; without that we can
    // only stop.
    log("the machine may be switched off");
    x86::stop();
}

} // namespace zocalo::hv
