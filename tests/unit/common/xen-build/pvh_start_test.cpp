// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pvh_start.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>
#include <xen/arch-x86/hvm/start_info.h>

#include <array>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

PvhPlan linux_plan(std::uint64_t initrd_bytes, std::uint64_t cmdline_bytes)
{
    const auto image = parse_kernel(kernel_file());
    EXPECT_TRUE(image);
    const auto plan = plan_pvh(
        *image,
        {.pages = 2 << 18, .vcpus = 2, .initrd_bytes = initrd_bytes, .cmdline_bytes = cmdline_bytes}
    );
    EXPECT_TRUE(plan);
    return *plan;
}

template <class T> T read_at(const PvhPlan& plan, const Bytes& bytes, std::uint64_t paddr)
{
    T value{};
    const std::uint64_t at = paddr - plan.start_info.address;
    EXPECT_LE(at + sizeof value, bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

TEST(PvhStart, BootInformationNamesMapModuleAndCommandLine)
{
    const std::string command = "console=hvc0 quiet";
    const PvhPlan plan = linux_plan(777, command.size());
    Bytes bytes(plan.start_info.bytes, std::byte{0xee});
    fill_boot_information(plan, command, bytes);
    const auto info = read_at<hvm_start_info>(plan, bytes, plan.start_info.address);
    EXPECT_EQ(info.magic, 0x336ec578u);
    EXPECT_EQ(info.version, 1u);
    EXPECT_EQ(info.nr_modules, 1u);
    EXPECT_EQ(info.rsdp_paddr, plan.acpi.address);
    const auto module = read_at<hvm_modlist_entry>(plan, bytes, info.modlist_paddr);
    EXPECT_EQ(module.paddr, plan.initrd.address);
    EXPECT_EQ(module.size, 777u);
    EXPECT_EQ(info.memmap_entries, plan.map_entries);
    std::uint64_t at = info.memmap_paddr;
    for (const MapEntry& entry : plan.memory_map()) {
        const auto row = read_at<hvm_memmap_table_entry>(plan, bytes, at);
        EXPECT_EQ(row.addr, entry.address);
        EXPECT_EQ(row.size, entry.size);
        EXPECT_EQ(row.type, static_cast<std::uint32_t>(entry.type));
        at += sizeof row;
    }
    const auto* text = reinterpret_cast<const char*>(bytes.data()) +
                       (info.cmdline_paddr - plan.start_info.address);
    EXPECT_EQ(std::string(text, command.size() + 1), command + '\0');
}

TEST(PvhStart, WithoutInitrdThereIsNoModule)
{
    const PvhPlan plan = linux_plan(0, 0);
    Bytes bytes(plan.start_info.bytes);
    fill_boot_information(plan, "longer than planned", bytes);
    const auto info = read_at<hvm_start_info>(plan, bytes, plan.start_info.address);
    EXPECT_EQ(info.nr_modules, 0u);
    EXPECT_EQ(info.modlist_paddr, 0u);
    EXPECT_EQ(bytes.back(), std::byte{}) << "the command line must end where it was planned to";
}

TEST(PvhStart, TheFirstVcpuIsInFlatProtectedMode)
{
    const PvhPlan plan = linux_plan(0, 0);
    hvm_hw_cpu cpu{};
    fill_first_vcpu(plan, cpu);
    EXPECT_EQ(cpu.rip, kKernelAt + 0x850);
    EXPECT_EQ(cpu.rbx, plan.start_info.address);
    EXPECT_EQ(cpu.cr0, 0x11u);
    EXPECT_EQ(cpu.cs_limit, 0xffffffffu);
    EXPECT_EQ(cpu.cs_arbytes, 0xc9bu);
    EXPECT_EQ(cpu.ds_arbytes, 0xc93u);
    EXPECT_EQ(cpu.tr_arbytes, 0x8bu);
    EXPECT_EQ(cpu.cs_base, 0u);
    EXPECT_EQ(cpu.rflags & 0x202, 2u);
}

TEST(PvhStart, IdentityMapCoversFourGiB)
{
    std::array<std::uint32_t, 1024> table{};
    fill_identity_map(table);
    for (std::uint32_t i = 0; i < 1024; ++i)
        ASSERT_EQ(table[i], (i << 22) | 0xe7);
}

TEST(PvhStart, MemoryIsWriteBackByDefault)
{
    hvm_hw_mtrr mtrr{};
    mtrr.msr_mtrr_cap = 0x508;
    enable_write_back(mtrr);
    EXPECT_EQ(mtrr.msr_mtrr_def_type, 0x806u);
    EXPECT_EQ(mtrr.msr_mtrr_cap, 0x508u);
}

} // namespace
} // namespace zocalo::xen
