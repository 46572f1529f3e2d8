// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/pvh_plan.hpp"
#include "tests/unit/toolstackd/build/built_guest.hpp"
#include "toolstackd/build/builder.hpp"

#include <gtest/gtest.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/params.h>

namespace zocalo::toolstack {
namespace {

using namespace zocalo::test;
using xen::PvhPlan;

template <class T> T read_as(BuiltGuest& guest, std::uint64_t address)
{
    const Bytes bytes = guest.read(address, sizeof(T));
    T value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

// The body of the nth record of a type in what was given to set_hvm_context.
template <class T> T record(BuiltGuest& guest, std::uint16_t type, unsigned instance)
{
    std::size_t at = 0;
    const auto& records = guest.xen.records;
    while (at + sizeof(hvm_save_descriptor) <= records.size()) {
        hvm_save_descriptor head{};
        std::memcpy(&head, records.data() + at, sizeof head);
        at += sizeof head;
        if (head.typecode == type && head.instance == instance && head.length == sizeof(T)) {
            T body{};
            std::memcpy(&body, records.data() + at, sizeof body);
            return body;
        }
        at += head.length;
    }
    ADD_FAILURE() << "no record " << type << " of instance " << instance;
    return {};
}

hvm_start_info boot_information(BuiltGuest& guest)
{
    return read_as<hvm_start_info>(guest, record<hvm_hw_cpu>(guest, HVM_SAVE_CODE(CPU), 0).rbx);
}

TEST(BuildPvh, LoadsKernelRamdiskAndBootInformation)
{
    BuiltGuest guest{true};
    const auto built = guest.run();
    ASSERT_TRUE(built) << describe(built.error());
    EXPECT_TRUE(kernel_is_loaded(guest));
    const hvm_start_info info = boot_information(guest);
    EXPECT_EQ(info.magic, 0x336ec578u);
    const auto module = read_as<hvm_modlist_entry>(guest, info.modlist_paddr);
    EXPECT_EQ(guest.read(module.paddr, module.size), guest.initrd);
    const Bytes text = guest.read(info.cmdline_paddr, guest.spec.cmdline.size() + 1);
    EXPECT_STREQ(reinterpret_cast<const char*>(text.data()), guest.spec.cmdline.c_str());
    const Bytes rsdp = guest.read(info.rsdp_paddr, 8);
    EXPECT_EQ(rsdp, to_bytes("RSD PTR "));
    EXPECT_EQ(guest.xen.mapped, 0);
}

TEST(BuildPvh, UsesSuperpages)
{
    BuiltGuest guest{true};
    guest.spec.memory_mib = 5 * 1024 + 2;
    ASSERT_TRUE(guest.run());
    EXPECT_EQ(guest.xen.populated.at(0), "18");
    EXPECT_EQ(guest.xen.populated.at(3ULL << 18), "9") << "the hole cuts the fourth GiB";
    EXPECT_EQ(guest.xen.populated.at(1ULL << 20), "18");
    unsigned small = 0;
    for (const auto& [frame, kind] : guest.xen.populated)
        small += kind == "0" ? 1 : 0;
    EXPECT_LE(small, 8u) << "only special pages and ACPI tables are single pages";
}

TEST(BuildPvh, AnnouncesItsRings)
{
    BuiltGuest guest{true};
    const auto built = guest.run();
    ASSERT_TRUE(built);
    EXPECT_EQ(built->store_frame, PvhPlan::kXenstore.value);
    EXPECT_EQ(built->console_frame, PvhPlan::kConsole.value);
    EXPECT_EQ(guest.xen.params.at(HVM_PARAM_STORE_PFN), built->store_frame);
    EXPECT_EQ(guest.xen.params.at(HVM_PARAM_STORE_EVTCHN), built->store_port.value);
    EXPECT_EQ(guest.xen.params.at(HVM_PARAM_CONSOLE_PFN), built->console_frame);
    EXPECT_EQ(guest.xen.params.at(HVM_PARAM_CONSOLE_EVTCHN), built->console_port.value);
    EXPECT_EQ(guest.xen.params.at(HVM_PARAM_IDENT_PT), PvhPlan::kIdentityMap.value << kPageShift);
    EXPECT_EQ(guest.xen.page(built->store_frame), FakeXen::Page{});
    EXPECT_EQ(guest.xen.page(built->console_frame), FakeXen::Page{});
    std::array<grant_entry_v1, 2> grants{};
    std::memcpy(grants.data(), guest.xen.grants.data(), sizeof grants);
    EXPECT_EQ(grants[0].frame, built->console_frame);
    EXPECT_EQ(grants[1].frame, built->store_frame);
}

TEST(BuildPvh, SetsTheFirstVcpuAndTheMemoryTypesOfAll)
{
    BuiltGuest guest{true};
    ASSERT_TRUE(guest.run());
    EXPECT_EQ(record<hvm_save_header>(guest, HVM_SAVE_CODE(HEADER), 0).magic, 0x54381286u);
    const auto cpu = record<hvm_hw_cpu>(guest, HVM_SAVE_CODE(CPU), 0);
    EXPECT_EQ(cpu.rip, kKernelAt + 0x850);
    for (unsigned vcpu = 0; vcpu < 2; ++vcpu) {
        const auto mtrr = record<hvm_hw_mtrr>(guest, HVM_SAVE_CODE(MTRR), vcpu);
        EXPECT_EQ(mtrr.msr_mtrr_def_type, 0x806u);
        EXPECT_EQ(mtrr.msr_mtrr_cap, 0x508u) << "the rest stays the hypervisor's";
    }
}

TEST(BuildPvh, PopulatesOnDemandWhenThereIsRoomToBalloon)
{
    BuiltGuest guest{true};
    guest.spec.maxmem_mib = 128;
    ASSERT_TRUE(guest.run());
    EXPECT_EQ(guest.xen.pod_target, 64u << 8);
    EXPECT_EQ(guest.xen.populated.at(0), "9+pod");
    EXPECT_EQ(guest.xen.populated.at(PvhPlan::kConsole.value), "0");
    std::uint64_t ram = 0;
    for (const auto& entry : guest.xen.memory_map)
        ram += entry.type == xen::MapType::ram ? entry.size : 0;
    EXPECT_EQ(ram, (128u << 20) - 0x60000);
}

TEST(BuildPvh, CpuidSaysWhatTheApicIdsSay)
{
    BuiltGuest guest{true};
    ASSERT_TRUE(guest.run());
    ASSERT_EQ(guest.xen.leaves_set.size(), 1u) << "only what changed is written";
    EXPECT_EQ(guest.xen.leaves_set[0].leaf, 1u);
    EXPECT_EQ(guest.xen.leaves_set[0].b, 8u << 16);
}

TEST(BuildPvh, ReservesMemoryForItsPageTables)
{
    BuiltGuest guest{true};
    ASSERT_TRUE(guest.run());
    EXPECT_TRUE(guest.xen.created.hvm);
    EXPECT_EQ(guest.xen.max_vcpus, 2u);
    // 4 KiB × (256 × 2 vCPUs + 2 × 64 MiB), in whole MiB.
    EXPECT_EQ(guest.xen.pool_bytes, 3u << 20);
}

TEST(BuildPvh, MakesFewCallsWhateverTheSize)
{
    BuiltGuest guest{true};
    guest.spec.memory_mib = 4096;
    ASSERT_TRUE(guest.run());
    EXPECT_LE(guest.xen.calls.size(), 25u);
}

} // namespace
} // namespace zocalo::toolstack
