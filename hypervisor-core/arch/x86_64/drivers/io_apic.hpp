// SPDX-License-Identifier: Apache-2.0
// IO-APICs: the inputs that GSIs are. Source: Intel 82093AA data sheet. Under the system lock.
#pragma once

#include "hypervisor-core/boot/acpi.hpp"

#include <cstdint>
#include <optional>

namespace zocalo::hv::io_apic {

// Registers are at `registers` + n pages for the n-th. Masks all inputs.
void start(const AcpiInfo& acpi, std::uint64_t registers);
unsigned gsi_count();

struct Route {
    std::uint8_t vector{};
    std::uint32_t apic_id{};
    bool level{}, active_low{}, masked{true};
};
bool set(std::uint32_t gsi, const Route& route);
void set_masked(std::uint32_t gsi, bool masked);
std::optional<std::uint32_t> read(std::uint64_t address, std::uint32_t index);

} // namespace zocalo::hv::io_apic
