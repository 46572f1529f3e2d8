// SPDX-License-Identifier: Apache-2.0
// The contents of a PV guest's first page tables, one 4 KiB table at a time, from a plan and the
// guest's pfn → mfn list. Pure; whoever can write guest memory calls it once per table page.
#pragma once

#include "common/xen-build/pv_plan.hpp"

#include <span>

namespace zocalo::xen {

inline constexpr std::size_t kTableEntries = 512;
using PageTable = std::span<std::uint64_t, kTableEntries>;

// The pfn of table `index`, counted over `plan.tables` and then `plan.p2m_tables`.
Pfn table_pfn(const PvPlan& plan, std::uint64_t index);

// Fills table `index` (0 is the L4; less than plan.table_pages()) completely. `mfns` is the guest's
// P2M; it must hold plan.used_pages entries. Tables map themselves read-only, as the hypervisor
// demands before it accepts them.
void fill_table(
    const PvPlan& plan, std::span<const std::uint64_t> mfns, std::uint64_t index, PageTable out
);

} // namespace zocalo::xen
