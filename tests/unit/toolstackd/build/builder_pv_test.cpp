// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/built_guest.hpp"
#include "toolstackd/build/builder.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

using namespace zocalo::test;

start_info read_start_info(BuiltGuest& guest)
{
    const std::uint64_t va = guest.xen.context.user_regs.rsi;
    const Bytes bytes = guest.read(va - kVirtBase, sizeof(start_info));
    start_info info{};
    std::memcpy(&info, bytes.data(), sizeof info);
    return info;
}

// The machine frame that the guest sees at `va`, walking from cr3; 0 when nothing is mapped.
std::uint64_t walk(BuiltGuest& guest, std::uint64_t va)
{
    std::uint64_t mfn = guest.xen.context.ctrlreg[3] >> kPageShift;
    for (int shift = 39; shift >= 12; shift -= 9) {
        std::uint64_t entry = 0;
        const auto& page = guest.xen.memory.at(mfn);
        std::memcpy(&entry, page.data() + ((va >> shift) & 511) * 8, 8);
        if ((entry & 1) == 0)
            return 0;
        mfn = (entry & 0x000ffffffffff000) >> 12;
    }
    return mfn;
}

TEST(BuildPv, LoadsKernelAndRamdisk)
{
    BuiltGuest guest{false};
    const auto built = guest.run();
    ASSERT_TRUE(built) << describe(built.error());
    EXPECT_TRUE(kernel_is_loaded(guest));
    const start_info info = read_start_info(guest);
    EXPECT_EQ(guest.read(info.mod_start << kPageShift, info.mod_len), guest.initrd);
    EXPECT_EQ(guest.xen.mapped, 0);
}

TEST(BuildPv, TheGuestSeesItselfThroughItsPageTables)
{
    BuiltGuest guest{false};
    ASSERT_TRUE(guest.run());
    EXPECT_EQ(guest.xen.pinned << kPageShift, guest.xen.context.ctrlreg[3]);
    for (std::uint64_t pfn = 0; pfn < 1024; ++pfn)
        ASSERT_EQ(walk(guest, kVirtBase + (pfn << kPageShift)), guest.xen.mfn_of(pfn)) << pfn;
    EXPECT_NE(walk(guest, guest.xen.context.user_regs.rsp - 8), 0u);
    EXPECT_NE(walk(guest, guest.xen.context.user_regs.rip), 0u);
}

TEST(BuildPv, TheP2mNamesEveryPage)
{
    BuiltGuest guest{false};
    ASSERT_TRUE(guest.run());
    const start_info info = read_start_info(guest);
    ASSERT_EQ(info.nr_pages, 64u << 8);
    EXPECT_EQ(info.mfn_list, kInitP2m);
    const Bytes list = guest.read(info.first_p2m_pfn << kPageShift, info.nr_pages * 8);
    for (std::uint64_t pfn = 0; pfn < info.nr_pages; ++pfn) {
        std::uint64_t mfn = 0;
        std::memcpy(&mfn, list.data() + pfn * 8, 8);
        ASSERT_EQ(mfn, guest.xen.mfn_of(pfn));
    }
    EXPECT_EQ(walk(guest, kInitP2m), guest.xen.mfn_of(info.first_p2m_pfn));
}

TEST(BuildPv, RingsAreZeroedAnnouncedAndGranted)
{
    BuiltGuest guest{false};
    const auto built = guest.run();
    ASSERT_TRUE(built);
    const start_info info = read_start_info(guest);
    EXPECT_EQ(info.store_mfn, built->store_frame);
    EXPECT_EQ(info.console.domU.mfn, built->console_frame);
    EXPECT_EQ(info.store_evtchn, built->store_port.value);
    EXPECT_EQ(info.console.domU.evtchn, built->console_port.value);
    EXPECT_NE(built->store_port, built->console_port);
    EXPECT_EQ(guest.xen.page(built->store_frame), FakeXen::Page{});
    EXPECT_EQ(guest.xen.page(built->console_frame), FakeXen::Page{});
    std::array<grant_entry_v1, 2> grants{};
    std::memcpy(grants.data(), guest.xen.grants.data(), sizeof grants);
    EXPECT_EQ(grants[0].frame, built->console_frame);
    EXPECT_EQ(grants[1].frame, built->store_frame);
    EXPECT_EQ(grants[0].flags, GTF_permit_access);
    EXPECT_EQ(grants[1].flags, GTF_permit_access);
}

TEST(BuildPv, EventsStartMasked)
{
    BuiltGuest guest{false};
    ASSERT_TRUE(guest.run());
    EXPECT_EQ(read_start_info(guest).shared_info, FakeXen::kSharedInfo << kPageShift);
    shared_info shared{};
    std::memcpy(&shared, guest.xen.memory.at(FakeXen::kSharedInfo).data(), sizeof shared);
    for (const vcpu_info& vcpu : shared.vcpu_info) {
        EXPECT_EQ(vcpu.evtchn_upcall_mask, 1);
        EXPECT_EQ(vcpu.evtchn_upcall_pending, 0);
    }
}

TEST(BuildPv, TellsTheGuestHowFarItMayBalloon)
{
    BuiltGuest guest{false};
    guest.spec.maxmem_mib = 100;
    ASSERT_TRUE(guest.run());
    ASSERT_EQ(guest.xen.memory_map.size(), 1u);
    EXPECT_EQ(guest.xen.memory_map[0].size, 100u << 20);
    EXPECT_EQ(guest.xen.frames.size(), 64u << 8);
    EXPECT_EQ(guest.xen.max_memory_kib, 65u << 10);
}

TEST(BuildPv, FillsTheHypercallPageOfOlderKernels)
{
    ElfSpec kernel = linux_like();
    NoteMaker notes = linux_notes();
    notes.number(XEN_ELFNOTE_HYPERCALL_PAGE, kVirtBase + kKernelAt + 0x1000);
    kernel.notes = notes.bytes();
    BuiltGuest guest{false, kernel};
    ASSERT_TRUE(guest.run());
    EXPECT_EQ(guest.xen.hypercall_page, guest.xen.mfn_of((kKernelAt >> 12) + 1));
}

TEST(BuildPv, RefusesAHypercallPageOutsideTheKernel)
{
    for (const std::uint64_t va : {std::uint64_t{0}, kVirtBase, kVirtBase + kKernelAt + 8}) {
        ElfSpec kernel = linux_like();
        NoteMaker notes = linux_notes();
        notes.number(XEN_ELFNOTE_HYPERCALL_PAGE, va);
        kernel.notes = notes.bytes();
        BuiltGuest guest{false, kernel};
        EXPECT_FALSE(guest.run());
    }
}

TEST(BuildPv, MakesFewCallsWhateverTheSize)
{
    BuiltGuest small{false};
    ASSERT_TRUE(small.run());
    BuiltGuest large{false};
    large.spec.memory_mib = 4096;
    ASSERT_TRUE(large.run());
    EXPECT_EQ(small.xen.calls.size(), large.xen.calls.size());
    EXPECT_LE(large.xen.calls.size(), 14u);
}

} // namespace
} // namespace zocalo::toolstack
