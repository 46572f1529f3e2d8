// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pvh_plan.hpp"

#include "common/xen-build/acpi_tables.hpp"

#include <xen/arch-x86/hvm/start_info.h>

namespace zocalo::xen {
namespace {

constexpr std::uint64_t kFourGiB = std::uint64_t{1} << 32;
constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 32; // 16 TiB
constexpr std::uint64_t kLegacyHole = 0xa0000;              // where PCs have video memory and ROMs
constexpr std::uint64_t kLegacyEnd = 0x100000;
constexpr std::uint64_t kMaxCommandLine = 64 * 1024;

constexpr std::uint64_t page_up(std::uint64_t n)
{
    return (n + kPageSize - 1) & ~(kPageSize - 1);
}

void add(PvhPlan& plan, std::uint64_t from, std::uint64_t to, MapType type)
{
    if (to > from)
        plan.map[plan.map_entries++] = {from, to - from, type};
}

// At most seven entries: two of RAM below the hole, legacy, ACPI, special pages, RAM above.
void build_map(PvhPlan& plan)
{
    const std::uint64_t low = plan.low_pages << kPageShift;
    add(plan, 0, low < kLegacyHole ? low : kLegacyHole, MapType::ram);
    // Backed by memory all the same, so that the first 2 MiB stay one superpage.
    add(plan, kLegacyHole, low < kLegacyEnd ? low : kLegacyEnd, MapType::reserved);
    add(plan, kLegacyEnd, low, MapType::ram);
    add(plan, plan.acpi.address, page_up(plan.acpi.end()), MapType::acpi);
    add(plan, PvhPlan::kSpecialBase, 0xff000000, MapType::reserved);
    add(plan, kFourGiB, kFourGiB + (plan.high_pages << kPageShift), MapType::ram);
}

Planned<Unit> place_kernel(const KernelImage& kernel, PvhPlan& plan)
{
    if (!kernel.notes.phys32_entry)
        return BuildFault::note_no_phys32_entry;
    plan.entry = *kernel.notes.phys32_entry;
    if (plan.entry < kernel.paddr_start || plan.entry >= kernel.paddr_end)
        return BuildFault::pvh_entry_outside_kernel;
    if (kernel.paddr_end > PvhPlan::kHoleStart)
        return BuildFault::pvh_kernel_above_hole;
    plan.kernel = {kernel.paddr_start, kernel.paddr_end - kernel.paddr_start};
    return Unit{};
}

// start_info, one module, the memory map and the command line share the pages behind the kernel.
void place_boot_information(PvhPlan& plan)
{
    const std::uint64_t at = page_up(plan.kernel.end());
    plan.modlist_at = at + sizeof(hvm_start_info);
    plan.memmap_at = plan.modlist_at + sizeof(hvm_modlist_entry);
    plan.cmdline_at = plan.memmap_at + plan.map_entries * sizeof(hvm_memmap_table_entry);
    plan.start_info = {at, plan.cmdline_at + plan.cmdline_bytes + 1 - at};
}

} // namespace

Planned<PvhPlan> plan_pvh(const KernelImage& kernel, const PvhRequest& request)
{
    PvhPlan plan{};
    if (request.pages > kMaxPages)
        return BuildFault::memory_too_large;
    if (request.vcpus == 0 || request.vcpus > PvhPlan::kMaxVcpus)
        return BuildFault::bad_vcpu_count;
    if (request.cmdline_bytes > kMaxCommandLine)
        return BuildFault::command_line_too_long;
    plan.vcpus = request.vcpus;
    plan.cmdline_bytes = request.cmdline_bytes;
    constexpr std::uint64_t kLowest = PvhPlan::kHoleStart >> kPageShift;
    plan.low_pages = request.pages < kLowest ? request.pages : kLowest;
    plan.high_pages = request.pages - plan.low_pages;
    plan.acpi = {PvhPlan::kAcpiBase, acpi_size(plan.vcpus)};
    TRY(place_kernel(kernel, plan));
    build_map(plan);
    place_boot_information(plan);
    const std::uint64_t low_end = plan.low_pages << kPageShift;
    const std::uint64_t behind = page_up(plan.start_info.end());
    if (behind > low_end)
        return BuildFault::memory_too_small;
    if (request.initrd_bytes > low_end - behind)
        return BuildFault::initrd_too_large;
    plan.initrd = {behind, request.initrd_bytes};
    return plan;
}

} // namespace zocalo::xen
