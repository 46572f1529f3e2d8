// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pv_tables.hpp"
#include "tests/unit/common/xen-build/guest_walk.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

PvPlan plan_of(const NoteMaker& notes, const PvRequest& request)
{
    ElfSpec spec = linux_like();
    spec.notes = notes.bytes();
    const auto image = parse_kernel(make_elf(spec));
    EXPECT_TRUE(image);
    const auto plan = plan_pv(*image, request);
    EXPECT_TRUE(plan);
    return *plan;
}

// What a processor sees: the boot range page by page, tables read-only, the P2M, and nothing else.
void check_tables(const PvPlan& plan)
{
    const TableWorld world{plan};
    for (std::uint64_t pfn = 0; pfn < plan.boot.pages.pages; ++pfn) {
        const auto leaf = world.walk(plan.va(Pfn{pfn}));
        ASSERT_TRUE(leaf) << pfn;
        ASSERT_EQ(leaf->mfn, TableWorld::mfn_of(pfn));
        ASSERT_EQ(leaf->writable, !plan.tables.holds(Pfn{pfn})) << pfn;
    }
    for (std::uint64_t i = 0; i < plan.p2m.pages; ++i) {
        const auto leaf = world.walk(plan.p2m_va() + (i << kPageShift));
        ASSERT_TRUE(leaf) << i;
        ASSERT_EQ(leaf->mfn, TableWorld::mfn_of((plan.p2m.first + i).value));
        ASSERT_TRUE(leaf->writable);
    }
    const std::uint64_t end = plan.va(plan.boot.pages.end());
    EXPECT_FALSE(world.walk(end));
    EXPECT_FALSE(world.walk(plan.virt_base - kPageSize));
    EXPECT_FALSE(world.walk(0));
    const std::uint64_t p2m_leaves = plan.p2m_is_apart ? plan.p2m.pages : 0;
    // Each table but the L4 has one entry that points at it; all others are leaves.
    EXPECT_EQ(world.present_entries(), plan.boot.pages.pages + p2m_leaves + plan.table_pages() - 1);
}

TEST(PvTables, MapWhatALinuxPlanPromises)
{
    check_tables(plan_of(linux_notes(), {.pages = 65536, .initrd_bytes = 9 << 20}));
}

TEST(PvTables, MapAP2mOfManyTables)
{
    // 40 GiB: a P2M of 80 MiB, so 40 L1 tables of its own.
    const PvPlan plan = plan_of(linux_notes(), {.pages = 40ULL << 18});
    EXPECT_EQ(plan.p2m_map.l1, 40u);
    check_tables(plan);
}

TEST(PvTables, MapInitrdAndP2mInsideTheBootRange)
{
    NoteMaker notes;
    notes.number(XEN_ELFNOTE_VIRT_BASE, kVirtBase).number(XEN_ELFNOTE_ENTRY, kVirtBase + kKernelAt);
    check_tables(plan_of(notes, {.pages = 2 << 18, .initrd_bytes = 70 << 20}));
}

TEST(PvTables, MapRangesThatStartInTheMiddleOfATable)
{
    for (const std::uint64_t base :
         {0x1000ULL, 0x3ffff000ULL, 0x7fe00000ULL, 0xffffc8003ffff000ULL}) {
        NoteMaker notes;
        notes.number(XEN_ELFNOTE_VIRT_BASE, base)
            .number(XEN_ELFNOTE_ENTRY, base + kKernelAt)
            .number(XEN_ELFNOTE_INIT_P2M, 0x10003ffff000);
        check_tables(plan_of(notes, {.pages = 65536 * 5}));
    }
}

} // namespace
} // namespace zocalo::xen
