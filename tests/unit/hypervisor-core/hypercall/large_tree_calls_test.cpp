// SPDX-License-Identifier: Apache-2.0
// Hypercalls about trees of page tables that take more than one call, up to the domain's end.
#include "hypervisor-core/hal/memory.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

#include <xen/memory.h>

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kWrite = Pte::kPresent | Pte::kUser | Pte::kWritable;

struct LargeTreeCallsTest : SystemFixture {
    static constexpr unsigned kLowest = 200;
    const std::uint64_t free_before = free_frames();
    std::uint16_t id = new_domain();
    Domain& guest = domain(id);
    Vcpu& vcpu = *guest.vcpus[0];
    Mfn root{};

    LargeTreeCallsTest()
    {
        guest.memory.limit = 400;
        root = page();
        const Mfn l3 = page(), l2 = page();
        hal::table_entries(root)[0] = Pte::make(l3, kWrite).raw;
        hal::table_entries(l3)[0] = Pte::make(l2, kWrite).raw;
        for (unsigned i = 0; i < kLowest; ++i)
            hal::table_entries(l2)[i] = Pte::make(page(), kWrite).raw;
        caller = &vcpu;
    }
    Mfn page() { return *system.memory.allocate_for(guest.memory, 0); }

    std::int64_t mmuext(unsigned command, Mfn mfn, unsigned turns)
    {
        struct mmuext_op op {};
        op.cmd = command;
        op.arg1.mfn = mfn.value;
        put(kArgument, op);
        // 1: not through yet.
        return make_some(__HYPERVISOR_mmuext_op, {kArgument, 1, 0, DOMID_SELF, 0}, turns)
            .value_or(1);
    }
    void destroy()
    {
        caller = dom0->vcpus[0];
        xen_domctl op{};
        EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, id), 0);
        while (vcpu_of_dom0().pv.ending_table != Mfn{}) // what its way out does
            if (system.tables.finish(vcpu_of_dom0().pv.ending_table))
                vcpu_of_dom0().pv.ending_table = Mfn{};
        EXPECT_EQ(free_frames(), free_before);
    }
    Vcpu& vcpu_of_dom0() { return *dom0->vcpus[0]; }
};

TEST_F(LargeTreeCallsTest, APinTakesSeveralCallsAndHolds)
{
    EXPECT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 1), 1);
    EXPECT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 10), 0);
    EXPECT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 10), minus(Errno::inval));
    destroy();
}

TEST_F(LargeTreeCallsTest, AnUnpinIsFinishedOnTheWayOut)
{
    ASSERT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 10), 0);
    EXPECT_EQ(mmuext(MMUEXT_UNPIN_TABLE, root, 1), 0);
    EXPECT_EQ(vcpu.pv.ending_table, root);
    destroy(); // in the middle of it
}

TEST_F(LargeTreeCallsTest, ADomainEndsInTheMiddleOfAPin)
{
    EXPECT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 1), 1);
    destroy();
}

TEST_F(LargeTreeCallsTest, ANewRootThatTookSeveralCallsIsDroppedInPieces)
{
    EXPECT_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, root, 1), 1);
    EXPECT_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, root, 10), 0);
    EXPECT_EQ(vcpu.pv.user_table, root);
    EXPECT_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, Mfn{}, 10), 0);
    EXPECT_EQ(vcpu.pv.ending_table, root);
    destroy();
}

TEST_F(LargeTreeCallsTest, APinThatAnotherVcpuCarriedToItsEndSucceeds)
{
    EXPECT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 1), 1);
    caller = guest.vcpus[1];
    EXPECT_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, root, 10), 0);
    caller = &vcpu;
    EXPECT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 1), 0);
    EXPECT_EQ(mmuext(MMUEXT_PIN_L4_TABLE, root, 1), minus(Errno::inval))
        << "this time it is another";
    destroy();
}

// Another vCPU made the root something else between the two calls: what the first one did is
// undone.
TEST_F(LargeTreeCallsTest, AnInterruptedCallThatDoesNotGoOnLeavesNothing)
{
    EXPECT_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, root, 1), 1);
    const FrameInfo& frame = system.memory.frames()[root];
    EXPECT_TRUE(frame.has(FrameInfo::ownerless));
    EXPECT_EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, Mfn{}, 10), 0);
    ASSERT_EQ(vcpu.pv.ending_table, root);
    while (!system.tables.finish(root))
        ;
    vcpu.pv.ending_table = Mfn{};
    EXPECT_EQ(frame.type_refs, 0U);
    EXPECT_EQ(frame.refs, 1U);
    destroy();
}

// Its frame would otherwise outlive the domain, pinned for nobody.
TEST_F(LargeTreeCallsTest, APinnedTableThatIsGivenBackIsFreed)
{
    const Mfn table = page();
    ASSERT_EQ(mmuext(MMUEXT_PIN_L1_TABLE, table, 1), 0);
    const std::uint64_t before = free_frames();
    xen_memory_reservation memory{};
    point(memory.extent_start, kBuffer);
    memory.nr_extents = 1;
    memory.domid = DOMID_SELF;
    put(kArgument, memory);
    put(kBuffer, table.value);
    EXPECT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_decrease_reservation, kArgument}), 1);
    EXPECT_EQ(free_frames(), before + 1);
    destroy();
}

} // namespace
} // namespace zocalo::hv
