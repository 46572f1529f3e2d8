// SPDX-License-Identifier: Apache-2.0
// Hypercalls about a guest's own state: port privilege, LDT, exchange of memory, event channels'
// limit.
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/pv/io_ports.hpp"
#include "hypervisor-core/pv/local_table.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/physdev.h>

namespace zocalo::hv {
namespace {

struct GuestStateTest : SystemFixture {
    Domain& guest = domain(new_domain());
    Vcpu& vcpu = *guest.vcpus[0];

    GuestStateTest()
    {
        guest.memory.limit = 64;
        make_tables();
        caller = &vcpu;
    }
    Mfn page() { return *system.memory.allocate_for(guest.memory, 0); }
    // Tables of four levels, of which the first slot of each is used.
    void make_tables()
    {
        std::array<Mfn, 4> levels{};
        for (Mfn& level : levels)
            level = page();
        for (unsigned i = 0; i < 3; ++i)
            hal::table_entries(levels[i])[0] = Pte::make(levels[i + 1], 7).raw;
        EXPECT_TRUE(system.tables.get_table(levels[0], 4, guest.rights()));
        vcpu.pv.kernel_table = levels[0];
        lowest = levels[3];
    }
    Mfn lowest{};
};

TEST_F(GuestStateTest, PortsFollowTheLevelAndTheBitmap)
{
    EXPECT_FALSE(pv::has_io_privilege(vcpu));
    put(kArgument, physdev_set_iopl{1});
    ASSERT_EQ(make(__HYPERVISOR_physdev_op, {PHYSDEVOP_set_iopl, kArgument}), 0);
    EXPECT_TRUE(pv::has_io_privilege(vcpu));
    vcpu.pv.in_kernel = false;
    EXPECT_FALSE(pv::may_use_ports(vcpu, 0x80, 1));
    physdev_set_iobitmap map{};
    point(map.bitmap, kBuffer);
    map.nr_ports = 0x100;
    put(kArgument, map);
    ASSERT_EQ(make(__HYPERVISOR_physdev_op, {PHYSDEVOP_set_iobitmap, kArgument}), 0);
    put(kBuffer + 0x80 / 8, std::uint8_t{0xfe});
    EXPECT_TRUE(pv::may_use_ports(vcpu, 0x80, 1));
    EXPECT_FALSE(pv::may_use_ports(vcpu, 0x80, 2));
    EXPECT_TRUE(pv::may_use_ports(vcpu, 0x7f, 2)) << "across two bytes of the map";
    EXPECT_FALSE(pv::may_use_ports(vcpu, 0xff, 2)) << "across its end";
    EXPECT_FALSE(vcpu.pv.in_kernel) << "it is in user space again";
}

TEST_F(GuestStateTest, APageOfTheLdtIsHeldFromItsFirstUseUntilTheTableChanges)
{
    const Mfn table = page();
    hal::table_entries(lowest)[3] = 0;
    ASSERT_TRUE(system.tables.write(
        {lowest, 3}, Pte::make(table, Pte::kPresent), WriteKind::plain, guest.rights()
    ));
    ASSERT_TRUE(pv::set_local_table(system, vcpu, 3 * kPageSize, 600));
    FrameInfo& info = system.memory.frames()[table];
    EXPECT_EQ(info.type_refs, 0U);
    ASSERT_TRUE(pv::show_local_page(system, vcpu, 0));
    EXPECT_EQ(info.type, FrameType::descriptors);
    EXPECT_FALSE(pv::show_local_page(system, vcpu, 0)) << "twice";
    EXPECT_FALSE(pv::show_local_page(system, vcpu, 1)) << "nothing is mapped there";
    EXPECT_FALSE(pv::show_local_page(system, vcpu, 2)) << "beyond its end";
    ASSERT_TRUE(pv::set_local_table(system, vcpu, 0, 0));
    EXPECT_EQ(info.type_refs, 0U);
}

TEST_F(GuestStateTest, AnLdtIsNeverInTheHypervisorNorTooLong)
{
    for (const std::uint64_t base :
         {std::uint64_t{0xffff820000000000}, std::uint64_t{0x7ffffffff000}, std::uint64_t{8}})
        EXPECT_EQ(pv::set_local_table(system, vcpu, base, 8192).error(), Errno::inval);
    EXPECT_EQ(pv::set_local_table(system, vcpu, 0, 8193).error(), Errno::inval);
}

// A page given twice was freed twice.
TEST_F(GuestStateTest, APageIsExchangedOnlyOnce)
{
    const Mfn given = page();
    put(kBuffer, std::array<std::uint64_t, 2>{given.value, given.value});
    put(kBuffer + 64, std::array<std::uint64_t, 2>{1, 2});
    xen_memory_exchange args{};
    args.in.nr_extents = args.out.nr_extents = 2;
    args.in.domid = args.out.domid = DOMID_SELF;
    point(args.in.extent_start, kBuffer);
    point(args.out.extent_start, kBuffer + 64);
    put(kArgument, args);
    EXPECT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_exchange, kArgument}), minus(Errno::inval));
    EXPECT_EQ(system.memory.frames()[given].refs, 1U);
    args.in.nr_extents = args.out.nr_extents = 1;
    put(kArgument, args);
    EXPECT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_exchange, kArgument}), 0);
}

TEST_F(GuestStateTest, PortsOfEventsEndAtTheDomainsLimit)
{
    guest.events.set_limit(5);
    for (unsigned i = 1; i <= 6; ++i) {
        put(kArgument, evtchn_alloc_unbound{DOMID_SELF, DOMID_SELF, 0});
        const auto answer =
            make(__HYPERVISOR_event_channel_op, {EVTCHNOP_alloc_unbound, kArgument});
        EXPECT_EQ(answer, i <= 5 ? 0 : minus(Errno::nospc));
    }
}

} // namespace
} // namespace zocalo::hv
