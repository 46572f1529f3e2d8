// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pv_tables.hpp"

namespace zocalo::xen {
namespace {

// Intel SDM volume 3, table 4-15 and following.
constexpr std::uint64_t kPresent = 1 << 0;
constexpr std::uint64_t kWritable = 1 << 1;
constexpr std::uint64_t kUser = 1 << 2;
constexpr std::uint64_t kAccessed = 1 << 5;
constexpr std::uint64_t kDirty = 1 << 6;
constexpr std::uint64_t kReadOnlyPage = kPresent | kUser | kAccessed;
constexpr std::uint64_t kPage = kReadOnlyPage | kWritable | kDirty;
constexpr std::uint64_t kTable = kPage;

constexpr unsigned kL1Shift = 21; // bytes mapped by one table of that level, as a shift
constexpr unsigned kL2Shift = 30;
constexpr unsigned kL3Shift = 39;

constexpr std::uint64_t slot_of(std::uint64_t va, unsigned entry_shift)
{
    return (va >> entry_shift) & (kTableEntries - 1);
}

constexpr std::uint64_t entry(std::uint64_t mfn, std::uint64_t flags)
{
    return (mfn << kPageShift) | flags;
}

// One mapping with the pfn of its first table (the L3; then all L2, then all L1).
struct Tables {
    const PvPlan& plan;
    std::span<const std::uint64_t> mfns;
    const PvMapping& map;
    Pfn first;

    std::uint64_t last_va() const { return map.va + (map.pages.pages << kPageShift) - 1; }

    // Points at `count` consecutive tables from `target` on, starting at the slot of `from`.
    void point(PageTable out, std::uint64_t slot, std::uint64_t count, Pfn target) const
    {
        for (std::uint64_t i = 0; i < count; ++i)
            out[slot + i] = entry(mfns[(target + i).value], kTable);
    }

    void fill_l3(PageTable out) const { point(out, slot_of(map.va, kL2Shift), map.l2, first + 1); }

    // The `nth` L2 maps one GiB; the first and the last one may be partly empty.
    void fill_l2(std::uint64_t nth, PageTable out) const
    {
        const std::uint64_t gib = (map.va >> kL2Shift) + nth;
        const std::uint64_t begin = nth == 0 ? map.va : gib << kL2Shift;
        const std::uint64_t end = nth + 1 == map.l2 ? last_va() : ((gib + 1) << kL2Shift) - 1;
        const std::uint64_t done = (begin >> kL1Shift) - (map.va >> kL1Shift);
        const std::uint64_t count = (end >> kL1Shift) - (begin >> kL1Shift) + 1;
        point(out, slot_of(begin, kL1Shift), count, first + 1 + map.l2 + done);
    }

    void fill_l1(std::uint64_t nth, PageTable out) const
    {
        const std::uint64_t mib2 = (map.va >> kL1Shift) + nth;
        const std::uint64_t begin = nth == 0 ? map.va : mib2 << kL1Shift;
        const std::uint64_t end = nth + 1 == map.l1 ? last_va() : ((mib2 + 1) << kL1Shift) - 1;
        Pfn pfn = map.pages.first + ((begin - map.va) >> kPageShift);
        const std::uint64_t slot = slot_of(begin, kPageShift);
        const std::uint64_t count = (end >> kPageShift) - (begin >> kPageShift) + 1;
        for (std::uint64_t i = 0; i < count; ++i, pfn = pfn + 1) {
            const bool is_table = plan.tables.holds(pfn) || plan.p2m_tables.holds(pfn);
            out[slot + i] = entry(mfns[pfn.value], is_table ? kReadOnlyPage : kPage);
        }
    }

    void fill(std::uint64_t index, PageTable out) const
    {
        if (index < map.l3)
            fill_l3(out);
        else if (index < map.l3 + map.l2)
            fill_l2(index - map.l3, out);
        else
            fill_l1(index - map.l3 - map.l2, out);
    }
};

void fill_l4(const PvPlan& plan, std::span<const std::uint64_t> mfns, PageTable out)
{
    const Pfn boot_l3 = plan.tables.first + 1;
    out[slot_of(plan.boot.va, kL3Shift)] = entry(mfns[boot_l3.value], kTable);
    if (plan.p2m_is_apart)
        out[slot_of(plan.p2m_map.va, kL3Shift)] = entry(mfns[plan.p2m_tables.first.value], kTable);
}

} // namespace

Pfn table_pfn(const PvPlan& plan, std::uint64_t index)
{
    return index < plan.tables.pages ? plan.tables.first + index
                                     : plan.p2m_tables.first + (index - plan.tables.pages);
}

void fill_table(
    const PvPlan& plan, std::span<const std::uint64_t> mfns, std::uint64_t index, PageTable out
)
{
    for (std::uint64_t& slot : out)
        slot = 0;
    if (index == 0)
        fill_l4(plan, mfns, out);
    else if (index < plan.tables.pages)
        Tables{plan, mfns, plan.boot, plan.tables.first + 1}.fill(index - 1, out);
    else
        Tables{plan, mfns, plan.p2m_map, plan.p2m_tables.first}.fill(
            index - plan.tables.pages, out
        );
}

} // namespace zocalo::xen
