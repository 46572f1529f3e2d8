// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pv_plan.hpp"

#include <xen/xen.h>

namespace zocalo::xen {
namespace {

constexpr std::uint64_t kSlotShift = 39;                // one L4 entry
constexpr std::uint64_t kTopMask = 4 * 1024 * 1024 - 1; // the boot mapping ends on 4 MiB …
constexpr std::uint64_t kSlackPages =
    512 * 1024 >> kPageShift;                            // … with 512 KiB free behind the stack
constexpr std::uint64_t kHoleStart = 0xffff800000000000; // HYPERVISOR_VIRT_START
constexpr std::uint64_t kHoleEnd = 0xffff880000000000;   // one past HYPERVISOR_VIRT_END

constexpr std::uint64_t pages_for(std::uint64_t bytes)
{
    return bytes / kPageSize + (bytes % kPageSize != 0 ? 1 : 0);
}

constexpr bool canonical(std::uint64_t va)
{
    return va >> 47 == 0 || va >> 47 == 0x1ffff;
}

// How many tables that each map 1 << `shift` bytes the range touches.
constexpr std::uint64_t tables_for(std::uint64_t va, std::uint64_t bytes, unsigned shift)
{
    return ((va + bytes - 1) >> shift) - (va >> shift) + 1;
}

Planned<PvMapping> map_range(std::uint64_t va, PfnRange pages)
{
    const std::uint64_t bytes = pages.pages << kPageShift;
    const std::uint64_t last = va + bytes - 1;
    if (va % kPageSize != 0)
        return BuildFault::pv_virt_base_unaligned;
    if (last < va || !canonical(va) || !canonical(last))
        return BuildFault::pv_address_wraps;
    if (va < kHoleEnd && last >= kHoleStart)
        return BuildFault::pv_address_in_hypervisor_hole;
    if (va >> kSlotShift != last >> kSlotShift)
        return BuildFault::pv_crosses_top_slot;
    return PvMapping{
        .va = va,
        .pages = pages,
        .l3 = 1,
        .l2 = tables_for(va, bytes, 30),
        .l1 = tables_for(va, bytes, 21),
    };
}

// Hands out consecutive pages.
class Cursor {
  public:
    PfnRange take(std::uint64_t pages)
    {
        const PfnRange range{next_, pages};
        next_ = next_ + pages;
        return range;
    }
    Pfn next() const { return next_; }

  private:
    Pfn next_{};
};

Planned<Unit> place_kernel(const KernelImage& kernel, PvPlan& plan, Cursor& cursor)
{
    if (!kernel.elf.is_64_bit())
        return BuildFault::pv_needs_64_bit;
    if (!kernel.notes.virt_base)
        return BuildFault::note_no_virt_base;
    plan.virt_base = *kernel.notes.virt_base;
    plan.paddr_offset = kernel.notes.paddr_offset.value_or(0);
    if (kernel.paddr_start < plan.paddr_offset)
        return BuildFault::pv_kernel_below_base;
    const std::uint64_t start = plan.guest_physical(kernel.paddr_start);
    const std::uint64_t end = plan.guest_physical(kernel.paddr_end);
    if (pages_for(end) > plan.pages)
        return BuildFault::memory_too_small;
    cursor.take(start >> kPageShift);
    plan.kernel = cursor.take(pages_for(end) - (start >> kPageShift));

    plan.entry = kernel.notes.entry.value_or(kernel.elf.entry());
    const std::uint64_t offset = plan.entry - plan.virt_base;
    if (plan.entry < plan.virt_base || offset < start || offset >= end)
        return BuildFault::pv_entry_outside_kernel;
    return Unit{};
}

// Page tables map themselves: their number depends on the end of the mapping, which they move.
Planned<Unit> place_tables(PvPlan& plan, Cursor& cursor)
{
    const Pfn first = cursor.next();
    std::uint64_t count = 1;
    for (unsigned round = 0; round < 64; ++round) {
        const std::uint64_t used = first.value + count + 1 + kSlackPages;
        const std::uint64_t top = plan.va(Pfn{used});
        if (top <= plan.virt_base || top > ~kTopMask)
            return BuildFault::pv_address_wraps;
        const std::uint64_t end = (top + kTopMask) & ~kTopMask;
        const std::uint64_t mapped = (end - plan.virt_base) >> kPageShift;
        plan.boot = TRY(map_range(plan.virt_base, {Pfn{}, mapped}));
        const std::uint64_t needed = 1 + plan.boot.tables();
        if (needed == count) {
            plan.tables = cursor.take(count);
            plan.stack = cursor.take(1);
            cursor.take(mapped - cursor.next().value); // the padding
            return Unit{};
        }
        count = needed;
    }
    return BuildFault::memory_too_large;
}

// The P2M outside of the boot mapping: list first, its tables behind it, none of them mapped there.
Planned<Unit> place_p2m_apart(const KernelImage& kernel, PvPlan& plan, Cursor& cursor)
{
    const std::uint64_t list = pages_for(plan.pages * sizeof(xen_pfn_t));
    plan.p2m = cursor.take(list);
    plan.p2m_map = TRY(map_range(*kernel.notes.init_p2m, plan.p2m));
    if (plan.p2m_map.va >> kSlotShift == plan.boot.va >> kSlotShift)
        return BuildFault::pv_p2m_overlaps_kernel;
    plan.p2m_tables = cursor.take(plan.p2m_map.tables());
    return Unit{};
}

} // namespace

Planned<PvPlan> plan_pv(const KernelImage& kernel, const PvRequest& request)
{
    PvPlan plan{};
    Cursor cursor;
    if (request.pages > kMaxPvPages)
        return BuildFault::memory_too_large;
    if (request.cmdline_bytes >= MAX_GUEST_CMDLINE)
        return BuildFault::command_line_too_long;
    plan.pages = request.pages;
    plan.initrd_bytes = request.initrd_bytes;
    plan.p2m_is_apart = kernel.notes.init_p2m.has_value();
    plan.initrd_by_pfn = kernel.notes.mod_start_pfn && request.initrd_bytes != 0;
    const std::uint64_t initrd_pages = pages_for(request.initrd_bytes);
    if (initrd_pages > request.pages)
        return BuildFault::initrd_too_large;

    TRY(place_kernel(kernel, plan, cursor));
    if (!plan.initrd_by_pfn)
        plan.initrd = cursor.take(initrd_pages);
    if (!plan.p2m_is_apart)
        plan.p2m = cursor.take(pages_for(plan.pages * sizeof(xen_pfn_t)));
    plan.start_info = cursor.take(1);
    plan.xenstore = cursor.take(1);
    plan.console = cursor.take(1);
    TRY(place_tables(plan, cursor));
    if (plan.initrd_by_pfn)
        plan.initrd = cursor.take(initrd_pages);
    if (plan.p2m_is_apart)
        TRY(place_p2m_apart(kernel, plan, cursor));
    plan.used_pages = cursor.next().value;
    if (plan.used_pages > plan.pages)
        return BuildFault::memory_too_small;
    return plan;
}

} // namespace zocalo::xen
