// SPDX-License-Identifier: Apache-2.0
// AcpiInfo: what the hypervisor needs of the firmware's tables. Source: ACPI 6.4, sections 5.2.5 to
// 5.2.12; IA-PC HPET 1.0a, section 3.2.4; PCI Firmware 3.3, section 4.1.2. Reads machine memory
// through the direct map; tables are trusted no further than their lengths.
#pragma once

#include <array>
#include <cstdint>

namespace zocalo::hv {

struct AcpiInfo {
    static constexpr unsigned kMaxProcessors = 64;
    static constexpr unsigned kMaxIoApics = 8;
    static constexpr unsigned kMaxConfigSpaces = 8;

    struct Processor {
        std::uint32_t apic_id{}, acpi_id{};
    };
    struct IoApic {
        std::uint64_t address{};
        std::uint32_t first_gsi{};
    };

    // Where the PCI configuration space of some buses lies in memory.
    struct ConfigSpace {
        std::uint64_t address{};
        std::uint16_t segment{};
        std::uint8_t first_bus{}, last_bus{};

        friend bool operator==(const ConfigSpace&, const ConfigSpace&) = default;
    };

    bool found{};
    std::uint64_t local_apic{0xfee00000};
    std::array<Processor, kMaxProcessors> processors{};
    unsigned processor_count{};
    std::array<IoApic, kMaxIoApics> io_apics{};
    unsigned io_apic_count{};
    std::array<ConfigSpace, kMaxConfigSpaces> config_spaces{};
    unsigned config_space_count{};
    std::uint64_t hpet{};                         // its registers; 0: none
    std::uint16_t pm1a_control{}, pm1b_control{}; // ports; 0: none
};

AcpiInfo read_acpi();

} // namespace zocalo::hv
