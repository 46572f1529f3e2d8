// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pvh_plan.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

constexpr std::uint64_t kMib = 1 << 8; // in pages
constexpr std::uint64_t kFourGiB = 1ULL << 32;

KernelImage linux_image()
{
    const auto image = parse_kernel(kernel_file());
    EXPECT_TRUE(image);
    return *image;
}

BuildFault fault_of(const KernelImage& image, const PvhRequest& request)
{
    const auto plan = plan_pvh(image, request);
    EXPECT_FALSE(plan) << "a plan was made";
    return plan ? BuildFault{} : plan.error();
}

void check_invariants(const PvhPlan& plan, const PvhRequest& request)
{
    EXPECT_EQ(plan.low_pages + plan.high_pages, request.pages);
    const std::uint64_t low_end = plan.low_pages << kPageShift;
    EXPECT_LE(low_end, PvhPlan::kHoleStart);
    EXPECT_TRUE(plan.high_pages == 0 || low_end == PvhPlan::kHoleStart);
    EXPECT_GE(plan.start_info.address, plan.kernel.end());
    EXPECT_GE(plan.initrd.address, plan.start_info.end());
    EXPECT_LE(plan.initrd.end(), low_end);
    EXPECT_EQ(plan.initrd.address % kPageSize, 0u);
    EXPECT_LT(plan.modlist_at, plan.memmap_at);
    EXPECT_LT(plan.memmap_at, plan.cmdline_at);
    EXPECT_EQ(plan.cmdline_at + plan.cmdline_bytes + 1, plan.start_info.end());
    std::uint64_t end = 0, ram = 0;
    for (const MapEntry& entry : plan.memory_map()) {
        EXPECT_GE(entry.address, end) << "entries must be sorted and apart";
        EXPECT_GT(entry.size, 0u);
        end = entry.address + entry.size;
        if (entry.type == MapType::ram)
            ram += entry.size;
    }
    EXPECT_EQ(ram, (request.pages << kPageShift) - (0x100000 - 0xa0000));
}

TEST(PvhPlan, PutsRamAroundTheHole)
{
    const KernelImage image = linux_image();
    for (const std::uint64_t mib : {32u, 256u, 3839u, 3840u, 3841u, 4096u, 65536u, 1u << 20})
        for (const std::uint64_t initrd : {0ULL, 1ULL, 7ULL << 20}) {
            const PvhRequest request{
                .pages = mib * kMib, .vcpus = 3, .initrd_bytes = initrd, .cmdline_bytes = 100};
            const auto plan = plan_pvh(image, request);
            ASSERT_TRUE(plan) << mib << " " << describe(plan.error());
            check_invariants(*plan, request);
        }
}

TEST(PvhPlan, DescribesItselfInTheMemoryMap)
{
    const auto plan = plan_pvh(linux_image(), {.pages = 5000 * kMib});
    ASSERT_TRUE(plan);
    const auto map = plan->memory_map();
    ASSERT_EQ(map.size(), 6u);
    EXPECT_EQ(map[0].size, 0xa0000u);
    EXPECT_EQ(map[1].type, MapType::reserved);
    EXPECT_EQ(map[3].address, PvhPlan::kAcpiBase);
    EXPECT_EQ(map[3].type, MapType::acpi);
    EXPECT_GE(map[3].size, plan->acpi.bytes);
    EXPECT_EQ(map[4].address, PvhPlan::kSpecialBase);
    for (const Gfn gfn : {PvhPlan::kXenstore, PvhPlan::kConsole, PvhPlan::kIdentityMap}) {
        EXPECT_GE(gfn.value << kPageShift, map[4].address);
        EXPECT_LT(gfn.value << kPageShift, map[4].address + map[4].size);
    }
    EXPECT_EQ(map[5].address, kFourGiB);
}

TEST(PvhPlan, Takes32BitKernels)
{
    ElfSpec spec = linux_like();
    spec.wide = false;
    const auto image = parse_kernel(make_elf(spec));
    ASSERT_TRUE(image);
    const auto plan = plan_pvh(*image, {.pages = 64 * kMib});
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->entry, kKernelAt + 0x850);
}

TEST(PvhPlan, RefusesKernelsWithoutAUsableEntry)
{
    ElfSpec spec = linux_like();
    NoteMaker pv_only;
    pv_only.number(XEN_ELFNOTE_VIRT_BASE, kVirtBase);
    spec.notes = pv_only.bytes();
    EXPECT_EQ(
        fault_of(*parse_kernel(make_elf(spec)), {.pages = 64 * kMib}),
        BuildFault::note_no_phys32_entry
    );
    for (const std::uint64_t entry : {std::uint64_t{0}, kKernelAt + 0x4800}) {
        NoteMaker notes;
        notes.number(XEN_ELFNOTE_PHYS32_ENTRY, entry);
        spec.notes = notes.bytes();
        EXPECT_EQ(
            fault_of(*parse_kernel(make_elf(spec)), {.pages = 64 * kMib}),
            BuildFault::pvh_entry_outside_kernel
        );
    }
}

TEST(PvhPlan, RefusesAKernelAboveTheHole)
{
    ElfSpec spec = linux_like();
    spec.segments[1].paddr = PvhPlan::kHoleStart - 0x1000;
    EXPECT_EQ(
        fault_of(*parse_kernel(make_elf(spec)), {.pages = 8192 * kMib}),
        BuildFault::pvh_kernel_above_hole
    );
}

TEST(PvhPlan, RefusesWhatDoesNotFit)
{
    const KernelImage image = linux_image();
    EXPECT_EQ(fault_of(image, {.pages = 0}), BuildFault::memory_too_small);
    EXPECT_EQ(fault_of(image, {.pages = 16 * kMib}), BuildFault::memory_too_small);
    EXPECT_EQ(fault_of(image, {.pages = 1ULL << 33}), BuildFault::memory_too_large);
    EXPECT_EQ(
        fault_of(image, {.pages = 8192 * kMib, .initrd_bytes = 4ULL << 30}),
        BuildFault::initrd_too_large
    );
    EXPECT_EQ(
        fault_of(image, {.pages = 64 * kMib, .initrd_bytes = ~0ULL}), BuildFault::initrd_too_large
    );
    EXPECT_EQ(fault_of(image, {.pages = 64 * kMib, .vcpus = 0}), BuildFault::bad_vcpu_count);
    EXPECT_EQ(fault_of(image, {.pages = 64 * kMib, .vcpus = 129}), BuildFault::bad_vcpu_count);
    EXPECT_EQ(
        fault_of(image, {.pages = 64 * kMib, .cmdline_bytes = 1 << 20}),
        BuildFault::command_line_too_long
    );
}

} // namespace
} // namespace zocalo::xen
