// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/local_table.hpp"

#include "hypervisor-core/mm/descriptor_page.hpp"

namespace zocalo::hv::pv {

void forget_local_pages(System& system, Vcpu& vcpu)
{
    for (Mfn& frame : vcpu.pv.ldt) {
        if (frame == Mfn{})
            continue;
        put_descriptors(system.memory, frame);
        frame = Mfn{};
    }
}

Result<Unit> set_local_table(System& system, Vcpu& vcpu, std::uint64_t base, std::uint64_t entries)
{
    constexpr std::uint64_t kBytes = 8;
    if (entries > kMostLocalEntries || base % kPageSize != 0)
        return Errno::inval;
    const std::uint64_t end = base + entries * kBytes;
    const bool is_guests = end >= base && (base >= HYPERVISOR_VIRT_END || end >> 47 == 0);
    if (entries != 0 && !is_guests)
        return Errno::inval;
    forget_local_pages(system, vcpu);
    vcpu.pv.ldt_base = entries != 0 ? base : 0;
    vcpu.pv.ldt_entries = static_cast<unsigned>(entries);
    return Unit{};
}

bool show_local_page(System& system, Vcpu& vcpu, unsigned page)
{
    PvState& pv = vcpu.pv;
    if (page >= pv.ldt.size() || page * kLocalEntriesPerPage >= pv.ldt_entries ||
        pv.ldt[page] != Mfn{})
        return false;
    const auto place = system.tables.find(pv.kernel_table, pv.ldt_base + page * kPageSize);
    if (!place)
        return false;
    const Pte entry = system.tables.read(*place);
    if (!entry.present() || !get_descriptors(system.memory, entry.mfn(), vcpu.domain->id))
        return false;
    pv.ldt[page] = entry.mfn();
    return true;
}

} // namespace zocalo::hv::pv
