// SPDX-License-Identifier: Apache-2.0
// The few ACPI tables a PVH guest needs: RSDP, XSDT, FADT, MADT (how a guest learns of its
// processors) and an empty DSDT. Written out by hand from the ACPI specification 6.2, chapter 5.
#pragma once

#include "common/xen-build/build_fault.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace zocalo::xen {

// Room that the tables of `vcpus` processors need, in bytes.
std::uint64_t acpi_size(unsigned vcpus);

// Writes the tables to `out` (at least acpi_size bytes), as they must appear at guest-physical
// `base`; the RSDP comes first. APIC ids are 2 × vCPU, as the hypervisor numbers them.
void fill_acpi(std::uint64_t base, unsigned vcpus, std::span<std::byte> out);

} // namespace zocalo::xen
