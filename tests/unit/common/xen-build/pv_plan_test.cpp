// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pv_plan.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

KernelImage image_of(const ElfSpec& spec)
{
    const auto image = parse_kernel(make_elf(spec));
    EXPECT_TRUE(image);
    return *image;
}

KernelImage with_notes(const NoteMaker& notes)
{
    ElfSpec spec = linux_like();
    spec.notes = notes.bytes();
    return image_of(spec);
}

NoteMaker minimal_notes(std::uint64_t virt_base, std::uint64_t entry)
{
    NoteMaker notes;
    notes.number(XEN_ELFNOTE_VIRT_BASE, virt_base).number(XEN_ELFNOTE_ENTRY, entry);
    return notes;
}

BuildFault fault_of(const KernelImage& image, const PvRequest& request = {.pages = 65536})
{
    const auto plan = plan_pv(image, request);
    EXPECT_FALSE(plan) << "a plan was made";
    return plan ? BuildFault{} : plan.error();
}

// The order that xen.h prescribes, no overlap, nothing outside, tables and slack as promised.
void check_invariants(const PvPlan& plan, const PvRequest& request)
{
    std::vector<PfnRange> ranges{
        plan.kernel,
        plan.initrd,
        plan.p2m,
        plan.start_info,
        plan.xenstore,
        plan.console,
        plan.tables,
        plan.stack,
        plan.p2m_tables};
    std::erase_if(ranges, [](const PfnRange& r) { return r.pages == 0; });
    std::ranges::sort(ranges, {}, &PfnRange::first);
    for (std::size_t i = 1; i < ranges.size(); ++i)
        EXPECT_LE(ranges[i - 1].end(), ranges[i].first);
    EXPECT_LE(ranges.back().end().value, plan.used_pages);
    EXPECT_LE(plan.used_pages, request.pages);
    EXPECT_LT(plan.kernel.first, plan.start_info.first);
    EXPECT_EQ(plan.xenstore.first, plan.start_info.end());
    EXPECT_EQ(plan.console.first, plan.xenstore.end());
    EXPECT_EQ(plan.tables.first, plan.console.end());
    EXPECT_EQ(plan.stack.first, plan.tables.end());
    EXPECT_EQ(plan.tables.pages, 1 + plan.boot.tables());
    const std::uint64_t mapped_end = plan.virt_base + (plan.boot.pages.pages << kPageShift);
    EXPECT_EQ(mapped_end % (4 << 20), 0u);
    EXPECT_GE(mapped_end - plan.stack_top(), 512u << 10);
    EXPECT_EQ(plan.p2m.pages, (request.pages * 8 + 4095) / 4096);
    EXPECT_EQ(plan.initrd.pages, (request.initrd_bytes + 4095) / 4096);
}

TEST(PvPlan, LaysOutALinuxKernelAsXensOwnToolsDo)
{
    const PvRequest request{.pages = 65536, .initrd_bytes = 20 << 20, .cmdline_bytes = 10};
    const auto plan = plan_pv(with_notes(linux_notes()), request);
    ASSERT_TRUE(plan);
    check_invariants(*plan, request);
    EXPECT_EQ(plan->entry, kVirtBase + kKernelAt + 0x10);
    EXPECT_EQ(plan->kernel.first.value, kKernelAt >> 12);
    EXPECT_EQ(plan->kernel.pages, 5u);
    EXPECT_TRUE(plan->initrd_by_pfn);
    EXPECT_GE(plan->initrd.first.value, plan->boot.pages.pages) << "the initrd must not be mapped";
    EXPECT_EQ(plan->p2m_va(), kInitP2m);
    EXPECT_EQ(plan->p2m_tables.first, plan->p2m.end());
    EXPECT_EQ(plan->p2m_tables.pages, 3u);
}

TEST(PvPlan, MapsInitrdAndP2mWhenTheKernelAsksForNothingElse)
{
    const PvRequest request{.pages = 65536, .initrd_bytes = 5000, .cmdline_bytes = 0};
    const auto plan = plan_pv(with_notes(minimal_notes(kVirtBase, kVirtBase + kKernelAt)), request);
    ASSERT_TRUE(plan);
    check_invariants(*plan, request);
    EXPECT_FALSE(plan->initrd_by_pfn);
    EXPECT_EQ(plan->initrd.first, plan->kernel.end());
    EXPECT_EQ(plan->p2m.first, plan->initrd.end());
    EXPECT_EQ(plan->p2m_va(), plan->va(plan->p2m.first));
    EXPECT_EQ(plan->p2m_tables.pages, 0u);
}

TEST(PvPlan, HoldsItsInvariantsFromTinyToHugeGuests)
{
    const KernelImage apart = with_notes(linux_notes());
    const KernelImage mapped = with_notes(minimal_notes(kVirtBase, kVirtBase + kKernelAt));
    for (std::uint64_t mib : {32u, 33u, 64u, 127u, 256u, 1000u, 4096u, 65536u, 1u << 20})
        for (std::uint64_t initrd : {0ULL, 1ULL, 4096ULL, 3ULL << 20}) {
            const PvRequest request{.pages = mib << 8, .initrd_bytes = initrd, .cmdline_bytes = 3};
            const auto plan = plan_pv(apart, request);
            ASSERT_TRUE(plan) << mib << " " << describe(plan.error());
            check_invariants(*plan, request);
            const auto other = plan_pv(mapped, request);
            if (mib <= 65536) {
                ASSERT_TRUE(other) << mib << " " << describe(other.error());
                check_invariants(*other, request);
            }
        }
}

TEST(PvPlan, SubtractsPaddrOffset)
{
    NoteMaker notes = minimal_notes(kVirtBase + kKernelAt, kVirtBase + kKernelAt + 8);
    notes.number(XEN_ELFNOTE_PADDR_OFFSET, kKernelAt);
    const auto plan = plan_pv(with_notes(notes), {.pages = 65536});
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->kernel.first.value, 0u);
    EXPECT_EQ(plan->guest_physical(kKernelAt + 0x3000), 0x3000u);
}

TEST(PvPlan, RefusesKernelsThatAreNotForPv)
{
    ElfSpec spec = linux_like();
    spec.wide = false;
    EXPECT_EQ(fault_of(image_of(spec)), BuildFault::pv_needs_64_bit);
    NoteMaker pvh_only;
    pvh_only.number(XEN_ELFNOTE_PHYS32_ENTRY, kKernelAt);
    EXPECT_EQ(fault_of(with_notes(pvh_only)), BuildFault::note_no_virt_base);
}

TEST(PvPlan, RefusesAnEntryOutsideTheKernel)
{
    for (const std::uint64_t entry :
         {std::uint64_t{0}, kVirtBase, kVirtBase + kKernelAt - 1, kVirtBase + kKernelAt + 0x4800})
        EXPECT_EQ(
            fault_of(with_notes(minimal_notes(kVirtBase, entry))),
            BuildFault::pv_entry_outside_kernel
        );
}

TEST(PvPlan, RefusesImpossibleAddresses)
{
    const auto based = [](std::uint64_t base) {
        return with_notes(minimal_notes(base, base + kKernelAt));
    };
    EXPECT_EQ(fault_of(based(kVirtBase + 1)), BuildFault::pv_virt_base_unaligned);
    EXPECT_EQ(fault_of(based(0x00007ffffff00000)), BuildFault::pv_address_wraps);
    EXPECT_EQ(fault_of(based(0x0001000000000000)), BuildFault::pv_address_wraps);
    EXPECT_EQ(fault_of(based(0xffff800000000000)), BuildFault::pv_address_in_hypervisor_hole);
    EXPECT_EQ(fault_of(based(0xffff87ffffc00000)), BuildFault::pv_address_in_hypervisor_hole);
    EXPECT_EQ(fault_of(based(0xfffffffffec00000)), BuildFault::pv_address_wraps);
    EXPECT_EQ(fault_of(based(0x7fffc00000)), BuildFault::pv_crosses_top_slot);
    NoteMaker below = minimal_notes(kVirtBase, kVirtBase + kKernelAt);
    below.number(XEN_ELFNOTE_PADDR_OFFSET, kKernelAt + 1);
    EXPECT_EQ(fault_of(with_notes(below)), BuildFault::pv_kernel_below_base);
}

TEST(PvPlan, RefusesAP2mWhereTheKernelIs)
{
    NoteMaker notes = minimal_notes(kVirtBase, kVirtBase + kKernelAt);
    notes.number(XEN_ELFNOTE_INIT_P2M, 0xffffffff00000000);
    EXPECT_EQ(fault_of(with_notes(notes)), BuildFault::pv_p2m_overlaps_kernel);
    NoteMaker hole = minimal_notes(kVirtBase, kVirtBase + kKernelAt);
    hole.number(XEN_ELFNOTE_INIT_P2M, 0xffff800000000000);
    EXPECT_EQ(fault_of(with_notes(hole)), BuildFault::pv_address_in_hypervisor_hole);
}

TEST(PvPlan, RefusesWhatDoesNotFit)
{
    const KernelImage image = with_notes(linux_notes());
    EXPECT_EQ(fault_of(image, {.pages = 0}), BuildFault::memory_too_small);
    EXPECT_EQ(fault_of(image, {.pages = 4096}), BuildFault::memory_too_small);
    EXPECT_EQ(fault_of(image, {.pages = 5000}), BuildFault::memory_too_small);
    EXPECT_EQ(fault_of(image, {.pages = kMaxPvPages + 1}), BuildFault::memory_too_large);
    EXPECT_EQ(
        fault_of(image, {.pages = 65536, .initrd_bytes = ~std::uint64_t{0}}),
        BuildFault::initrd_too_large
    );
    EXPECT_EQ(
        fault_of(image, {.pages = 65536, .initrd_bytes = 255 << 20}), BuildFault::memory_too_small
    );
    EXPECT_EQ(
        fault_of(image, {.pages = 65536, .initrd_bytes = 0, .cmdline_bytes = 1024}),
        BuildFault::command_line_too_long
    );
    EXPECT_TRUE(plan_pv(image, {.pages = 65536, .initrd_bytes = 0, .cmdline_bytes = 1023}));
}

} // namespace
} // namespace zocalo::xen
