// SPDX-License-Identifier: Apache-2.0
// A processor's area, descriptor tables and system call entry: all it needs to run guests.
#pragma once

#include "hypervisor-core/arch/x86_64/mm/layout.hpp"
#include "hypervisor-core/arch/x86_64/mm/mapper.hpp"
#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Selectors of ours (guests have those below FIRST_RESERVED_GDT_BYTE). The ring-3 ones are ABI.
inline constexpr std::uint16_t kReserved = FIRST_RESERVED_GDT_BYTE;
inline constexpr std::uint16_t kOwnCode = kReserved + 0x08;
inline constexpr std::uint16_t kOwnData = kReserved + 0x10;
inline constexpr std::uint16_t kTaskState = kReserved + 0x40;
inline constexpr std::uint16_t kLocalTable = kReserved + 0x50;

constexpr std::uint64_t descriptor_window(unsigned cpu)
{
    return layout::kDescriptorWindows + cpu * layout::kDescriptorWindowBytes;
}

// Maps the area of processor `cpu` and fills it; done by the first processor for each.
void make_cpu_area(System& system, Mapper& mapper, unsigned cpu);

// On the processor itself, on its own stack: loads everything.
void load_cpu_tables(unsigned cpu);

// Points window page `index` (0-13 GDT, 16-31 LDT) of this processor at a frame; zero: at nothing.
void set_window_page(unsigned index, Mfn mfn);
// Loads an LDT of `entries` from the window; 0: none.
void load_local_table(unsigned entries);

} // namespace zocalo::hv
