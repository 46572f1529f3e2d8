// SPDX-License-Identifier: Apache-2.0
// Interrupts of devices, by PIRQ. Implemented in arch/, which calls raise_pirq().
#pragma once

#include <cstdint>
#include <optional>

namespace zocalo::hv::hal {

// How many PIRQ numbers are GSIs (inputs of IO-APICs); MSIs come after them.
unsigned gsi_count();

// Programs the IO-APIC input of a GSI, masked; false when there is no such input.
bool set_up_gsi(std::uint32_t gsi, bool level, bool active_low);

// One message-signalled interrupt of a PCI function: MSI when `table` is 0, else entry `entry` of
// the MSI-X table at machine address `table`. False when the function has no such capability.
struct MsiSource {
    std::uint16_t segment{};
    std::uint8_t bus{};
    std::uint8_t devfn{};
    unsigned entry{};
    std::uint64_t table{};
};
bool set_up_msi(std::uint32_t pirq, const MsiSource& source);
void tear_down_msi(std::uint32_t pirq);

void mask_pirq(std::uint32_t pirq);
void unmask_pirq(std::uint32_t pirq);
// The guest is done with it: a level-triggered input may fire again.
void end_pirq(std::uint32_t pirq);
// Whether the guest must say when it is done.
bool pirq_needs_end(std::uint32_t pirq);

// IO-APIC registers as dom0 reads them (PHYSDEVOP_apic_read).
std::optional<std::uint32_t> read_io_apic(std::uint64_t address, std::uint32_t index);

} // namespace zocalo::hv::hal
