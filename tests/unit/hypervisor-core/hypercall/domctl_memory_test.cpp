// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/pv/io_ports.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

#include <xen/memory.h>

namespace zocalo::hv {
namespace {

using DomctlMemoryTest = SystemFixture;

TEST_F(DomctlMemoryTest, ADyingDomainGetsNoMemory)
{
    const std::uint16_t id = new_domain();
    Domain& guest = domain(id);
    guest.dying = true;
    xen_domctl op{};
    op.u.max_mem.max_memkb = 1 << 20;
    EXPECT_EQ(domctl(op, XEN_DOMCTL_max_mem, id), minus(Errno::inval));
}

TEST_F(DomctlMemoryTest, FramesAreTypedForTheToolsAndOthersDomainsFramesAreNot)
{
    const std::uint16_t id = new_domain();
    const Mfn table = *system.memory.allocate_for(domain(id).memory, 0);
    const Mfn plain = *system.memory.allocate_for(domain(id).memory, 0);
    ASSERT_TRUE(system.tables.pin(table, 1, domain(id).rights()));
    put(kBuffer,
        std::array<std::uint64_t, 4>{table.value, plain.value, dom0->shared_frame.value, ~0ULL});
    xen_domctl op{};
    op.u.getpageframeinfo3.num = 4;
    point(op.u.getpageframeinfo3.array, kBuffer);
    ASSERT_EQ(domctl(op, XEN_DOMCTL_getpageframeinfo3, id), 0);
    const auto types = get<std::array<std::uint64_t, 4>>(kBuffer);
    EXPECT_EQ(types[0], XEN_DOMCTL_PFINFO_L1TAB | XEN_DOMCTL_PFINFO_LPINTAB);
    EXPECT_EQ(types[1], std::uint64_t{XEN_DOMCTL_PFINFO_NOTAB});
    EXPECT_EQ(types[2], std::uint64_t{XEN_DOMCTL_PFINFO_XTAB});
    EXPECT_EQ(types[3], std::uint64_t{XEN_DOMCTL_PFINFO_XTAB});
    op.u.getpageframeinfo3.num = ~0ULL;
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getpageframeinfo3, id), minus(Errno::toobig));
}

TEST_F(DomctlMemoryTest, TheHypervisorsFramesAreNotChangedInItsName)
{
    const Mfn ours = *system.memory.allocate();
    put(kBuffer, mmu_update_t{ours.value << kPageShift | MMU_MACHPHYS_UPDATE, 1});
    EXPECT_EQ(make(__HYPERVISOR_mmu_update, {kBuffer, 1, 0, DOMID_XEN}), minus(Errno::perm));
    mmuext_op op{};
    op.cmd = MMUEXT_PIN_L4_TABLE;
    op.arg1.mfn = ours.value;
    put(kBuffer, op);
    EXPECT_EQ(make(__HYPERVISOR_mmuext_op, {kBuffer, 1, 0, DOMID_XEN}), minus(Errno::perm));
    caller = domain(new_domain()).vcpus[0];
    EXPECT_EQ(make(__HYPERVISOR_mmuext_op, {kBuffer, 1, 0, DOMID_XEN}), minus(Errno::srch));
}

TEST_F(DomctlMemoryTest, ADomainThatHasNotRunHasNoFrameNumbersWhichIsNoError)
{
    const std::uint16_t id = new_domain();
    put(kBuffer, xen_memory_domain{id});
    const auto highest = [&] {
        return make(__HYPERVISOR_memory_op, {XENMEM_maximum_gpfn, kBuffer});
    };
    EXPECT_EQ(highest(), 0);
    domain(id).shared->arch.max_pfn = 0x8000;
    EXPECT_EQ(highest(), 0x7fff);
    domain(id).shared->arch.max_pfn = ~0UL;
    EXPECT_GT(highest(), 0);
}

TEST_F(DomctlMemoryTest, NoDomainHasVirtualNodesWhichIsNoErrorForThoseWhoSave)
{
    EXPECT_EQ(
        make(__HYPERVISOR_memory_op, {XENMEM_get_vnumainfo, kBuffer}), minus(Errno::opnotsupp)
    );
}

TEST_F(DomctlMemoryTest, AHypercallPageIsWrittenOnlyIntoAPageOfTheDomainThatIsNoTable)
{
    const std::uint16_t id = new_domain();
    const Mfn page = *system.memory.allocate_for(domain(id).memory, 0);
    xen_domctl op{};
    op.u.hypercall_init.gmfn = page.value;
    ASSERT_EQ(domctl(op, XEN_DOMCTL_hypercall_init, id), 0);
    const std::byte* const entry = hal::frame_bytes(page) + 32 * __HYPERVISOR_memory_op;
    EXPECT_EQ(entry[4], std::byte{__HYPERVISOR_memory_op});
    EXPECT_EQ(entry[8], std::byte{0x0f});
    ASSERT_TRUE(
        system.tables.pin(*system.memory.allocate_for(domain(id).memory, 0), 1, domain(id).rights())
    );
    for (const std::uint64_t mfn :
         {dom0->shared_frame.value, std::uint64_t{FakeMachine::kFrames}, ~std::uint64_t{0}}) {
        op.u.hypercall_init.gmfn = mfn;
        EXPECT_EQ(domctl(op, XEN_DOMCTL_hypercall_init, id), minus(Errno::inval));
    }
}

TEST_F(DomctlMemoryTest, AMemoryMapIsGivenByTheToolsAndReadByTheGuest)
{
    const std::uint16_t id = new_domain();
    MemoryMapEntry entry{0, 0x100000, 1};
    put(kBuffer, entry);
    xen_foreign_memory_map map{};
    map.domid = id;
    map.map.nr_entries = 1;
    point(map.map.buffer, kBuffer);
    put(kArgument, map);
    ASSERT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_set_memory_map, kArgument}), 0);
    map.map.nr_entries = 129;
    put(kArgument, map);
    EXPECT_EQ(
        make(__HYPERVISOR_memory_op, {XENMEM_set_memory_map, kArgument}), minus(Errno::inval)
    );
    caller = domain(id).vcpus[0];
    xen_memory_map own{};
    own.nr_entries = 8;
    point(own.buffer, kBuffer + 64);
    put(kArgument, own);
    ASSERT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_memory_map, kArgument}), 0);
    EXPECT_EQ(get<xen_memory_map>(kArgument).nr_entries, 1U);
    EXPECT_EQ(get<MemoryMapEntry>(kBuffer + 64).length, 0x100000U);
    put(kArgument, map);
    EXPECT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_set_memory_map, kArgument}), minus(Errno::perm));
}

TEST_F(DomctlMemoryTest, ClaimsAreCheckedAgainstWhatIsFreeAndWhatOthersClaimed)
{
    const std::uint16_t first = new_domain(1), second = new_domain(1);
    domain(first).memory.limit = domain(second).memory.limit = 1 << 20;
    const auto claim = [&](std::uint16_t id, std::uint64_t pages) {
        xen_memory_reservation args{};
        args.nr_extents = pages;
        args.domid = id;
        put(kArgument, args);
        return make(__HYPERVISOR_memory_op, {XENMEM_claim_pages, kArgument});
    };
    const std::uint64_t free = free_frames();
    EXPECT_EQ(claim(first, free + 1), minus(Errno::nomem));
    EXPECT_EQ(claim(first, free - 10), 0);
    EXPECT_EQ(claim(second, 11), minus(Errno::nomem));
    EXPECT_EQ(claim(second, 10), 0);
    EXPECT_EQ(claim(first, 0), 0);
    EXPECT_EQ(claim(second, 1000), 0);
}

TEST_F(DomctlMemoryTest, PortsAndDeviceMemoryAreGivenAndTakenByRange)
{
    const std::uint16_t id = new_domain();
    const Domain& guest = domain(id);
    const auto ports = [&](std::uint32_t first, std::uint32_t count, bool allow) {
        xen_domctl op{};
        op.u.ioport_permission = {first, count, allow};
        return domctl(op, XEN_DOMCTL_ioport_permission, id);
    };
    EXPECT_FALSE(pv::may_access_ports(guest, 0x70, 2));
    ASSERT_EQ(ports(0x70, 2, true), 0);
    EXPECT_TRUE(pv::may_access_ports(guest, 0x70, 2));
    EXPECT_FALSE(pv::may_access_ports(guest, 0x71, 2));
    ASSERT_EQ(ports(0, 0x10000, true), 0);
    EXPECT_TRUE(pv::may_access_ports(guest, 0xffff, 1));
    EXPECT_FALSE(pv::may_access_ports(guest, 0x3f8, 1)) << "the console is ours";
    ASSERT_EQ(ports(0x71, 1, false), 0);
    EXPECT_FALSE(pv::may_access_ports(guest, 0x70, 2));
    EXPECT_EQ(ports(0x70, 0, true), minus(Errno::inval));
    EXPECT_EQ(ports(0xffff, 2, true), minus(Errno::inval));
    EXPECT_EQ(ports(~0U, ~0U, true), minus(Errno::inval));

    const auto memory = [&](std::uint64_t first, std::uint64_t count, bool allow) {
        xen_domctl op{};
        op.u.iomem_permission = {first, count, allow};
        return domctl(op, XEN_DOMCTL_iomem_permission, id);
    };
    constexpr std::uint64_t kDevice = FakeMachine::kFrames - 1; // beyond what was added as RAM
    ASSERT_EQ(memory(kDevice, 1, true), 0);
    EXPECT_TRUE(guest.rights().io_ranges->covers(kDevice, kDevice));
    EXPECT_FALSE(guest.rights().io);
    ASSERT_EQ(memory(kDevice, 1, false), 0);
    EXPECT_FALSE(guest.rights().io_ranges->covers(kDevice, kDevice));
    EXPECT_EQ(memory(1, 0, true), minus(Errno::inval));
    EXPECT_EQ(memory(~0ULL, 2, true), minus(Errno::inval));
}

} // namespace
} // namespace zocalo::hv
