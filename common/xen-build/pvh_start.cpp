// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pvh_start.hpp"

#include <xen/arch-x86/hvm/start_info.h>

namespace zocalo::xen {
namespace {

constexpr std::uint64_t kProtectedMode = 1 << 0; // CR0.PE
constexpr std::uint64_t kExtensionType = 1 << 4; // CR0.ET
constexpr std::uint32_t kFlatCode = 0xc9b;       // present, accessed, 32-bit, 4 KiB granular
constexpr std::uint32_t kFlatData = 0xc93;
constexpr std::uint32_t kBusyTss = 0x8b;
constexpr std::uint32_t kTssLimit = 0x67;
constexpr std::uint32_t kNoLimit = 0xffffffff;
constexpr std::uint64_t kWriteBack = 6;
constexpr std::uint64_t kMtrrEnable = 1 << 11;

// Copies an ABI structure into the boot information at guest-physical `at`.
template <class T>
void place(const PvhPlan& plan, std::span<std::byte> out, std::uint64_t at, const T& value)
{
    __builtin_memcpy(out.data() + (at - plan.start_info.address), &value, sizeof value);
}

} // namespace

void fill_boot_information(
    const PvhPlan& plan, std::string_view command_line, std::span<std::byte> out
)
{
    for (std::byte& b : out)
        b = std::byte{};
    hvm_start_info info{};
    info.magic = XEN_HVM_START_MAGIC_VALUE;
    info.version = 1;
    info.cmdline_paddr = plan.cmdline_at;
    info.rsdp_paddr = plan.acpi.address;
    info.memmap_paddr = plan.memmap_at;
    info.memmap_entries = plan.map_entries;
    if (plan.initrd.bytes != 0) {
        info.nr_modules = 1;
        info.modlist_paddr = plan.modlist_at;
        const hvm_modlist_entry module{
            .paddr = plan.initrd.address,
            .size = plan.initrd.bytes,
            .cmdline_paddr = 0,
            .reserved = 0};
        place(plan, out, plan.modlist_at, module);
    }
    place(plan, out, plan.start_info.address, info);
    std::uint64_t at = plan.memmap_at;
    for (const MapEntry& entry : plan.memory_map()) {
        const hvm_memmap_table_entry row{
            .addr = entry.address,
            .size = entry.size,
            .type = static_cast<std::uint32_t>(entry.type),
            .reserved = 0,
        };
        place(plan, out, at, row);
        at += sizeof row;
    }
    const std::uint64_t text = plan.cmdline_at - plan.start_info.address;
    for (std::size_t i = 0; i < command_line.size() && i < plan.cmdline_bytes; ++i)
        out[text + i] = static_cast<std::byte>(command_line[i]);
}

void fill_identity_map(std::span<std::uint32_t, 1024> out)
{
    // Present, writable, user, accessed, dirty, 4 MiB page.
    constexpr std::uint32_t kLargePage = 0xe7;
    for (std::uint32_t i = 0; i < 1024; ++i)
        out[i] = (i << 22) | kLargePage;
}

void fill_first_vcpu(const PvhPlan& plan, hvm_hw_cpu& out)
{
    out = hvm_hw_cpu{};
    out.rip = plan.entry;
    out.rbx = plan.start_info.address;
    out.rflags = 2; // bit 1 is always set
    out.cr0 = kProtectedMode | kExtensionType;
    out.dr6 = 0xffff0ff0; // reset values
    out.dr7 = 0x400;
    out.cs_limit = out.ds_limit = out.es_limit = out.ss_limit = kNoLimit;
    out.fs_limit = out.gs_limit = kNoLimit;
    out.tr_limit = kTssLimit;
    out.cs_arbytes = kFlatCode;
    out.ds_arbytes = out.es_arbytes = out.ss_arbytes = kFlatData;
    out.fs_arbytes = out.gs_arbytes = kFlatData;
    out.tr_arbytes = kBusyTss;
}

void enable_write_back(hvm_hw_mtrr& mtrr)
{
    mtrr.msr_mtrr_def_type = kWriteBack | kMtrrEnable;
}

} // namespace zocalo::xen
