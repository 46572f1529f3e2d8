// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

#include <xen/sched.h>

namespace zocalo::hv {
namespace {

struct DomctlTest : SystemFixture {
    // Counts what the tools are told through VIRQ_DOM_EXC.
    void listen()
    {
        ASSERT_TRUE(make_event_room(system, *dom0));
        port = dom0->events.bind_virq(VIRQ_DOM_EXC, 0)->value;
    }
    bool told()
    {
        xen_ulong_t& word = dom0->shared->evtchn_pending[port / 64];
        const xen_ulong_t bit = xen_ulong_t{1} << (port % 64);
        const bool was = (word & bit) != 0;
        word &= ~bit;
        return was;
    }
    std::uint32_t flags_of(std::uint16_t id)
    {
        xen_domctl op{};
        EXPECT_EQ(domctl(op, XEN_DOMCTL_getdomaininfo, id), 0);
        return op.u.getdomaininfo.flags;
    }
    std::uint32_t port{};
};

TEST_F(DomctlTest, ADomainIsMadePausedAndKnownByWhatItWasGiven)
{
    xen_domctl op{};
    op.u.createdomain.max_vcpus = 3;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
    op.u.createdomain.handle[0] = 0x5a;
    op.u.createdomain.ssidref = 7;
    ASSERT_EQ(domctl(op, XEN_DOMCTL_createdomain, 0), 0);
    EXPECT_EQ(op.domain, 1);
    ASSERT_EQ(domctl(op, XEN_DOMCTL_getdomaininfo, 1), 0);
    EXPECT_EQ(op.u.getdomaininfo.domain, 1);
    EXPECT_EQ(op.u.getdomaininfo.handle[0], 0x5a);
    EXPECT_EQ(op.u.getdomaininfo.ssidref, 7U);
    EXPECT_NE(op.u.getdomaininfo.flags & XEN_DOMINF_paused, 0U);
    EXPECT_EQ(op.u.getdomaininfo.max_vcpu_id, XEN_INVALID_MAX_VCPU_ID);
    EXPECT_EQ(op.u.getdomaininfo.shared_info_frame, domain(1).shared_frame.value);
}

TEST_F(DomctlTest, NumbersAreNotUsedAgainAtOnce)
{
    const std::uint16_t first = new_domain();
    xen_domctl op{};
    ASSERT_EQ(domctl(op, XEN_DOMCTL_destroydomain, first), 0);
    EXPECT_EQ(new_domain(), first + 1);
    op = {};
    op.u.createdomain.max_vcpus = 1;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_createdomain, first + 1), minus(Errno::exist));
    EXPECT_EQ(domctl(op, XEN_DOMCTL_createdomain, 9), 0) << "a number that was asked for";
    EXPECT_NE(system.domain(DomId{9}), nullptr);
}

TEST_F(DomctlTest, DomainsThatCannotBeAreRefused)
{
    const std::uint64_t free = free_frames();
    const auto refused = [&](auto change) {
        xen_domctl op{};
        op.u.createdomain.max_vcpus = 1;
        op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
        change(op.u.createdomain);
        return domctl(op, XEN_DOMCTL_createdomain, 0);
    };
    EXPECT_EQ(refused([](auto& c) { c.flags = XEN_DOMCTL_CDF_hvm; }), minus(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.flags = 1U << 31; }), minus(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.max_vcpus = 0; }), minus(Errno::range));
    EXPECT_EQ(refused([](auto& c) { c.max_vcpus = ~0U; }), minus(Errno::range));
    EXPECT_EQ(refused([](auto& c) { c.cpupool_id = 3; }), minus(Errno::inval));
    EXPECT_EQ(refused([](auto& c) { c.vmtrace_size = 4096; }), minus(Errno::inval));
    for (const std::uint32_t grants : {0U, 3U, 0x10U | 1U})
        EXPECT_EQ(refused([&](auto& c) { c.grant_opts = grants; }), minus(Errno::inval)) << grants;
    EXPECT_EQ(free_frames(), free);
}

TEST_F(DomctlTest, ThoseWithoutTheRightAndOtherVersionsAreRefused)
{
    const std::uint16_t id = new_domain();
    caller = domain(id).vcpus[0];
    xen_domctl op{};
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getdomaininfo, 0), minus(Errno::perm));
    xen_sysctl sys{};
    EXPECT_EQ(sysctl(sys, XEN_SYSCTL_physinfo), minus(Errno::perm));
    caller = dom0->vcpus[0];
    op.cmd = XEN_DOMCTL_getdomaininfo;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
    put(kArgument, op);
    EXPECT_EQ(make(__HYPERVISOR_domctl, {kArgument}), minus(Errno::acces));
    EXPECT_EQ(make(__HYPERVISOR_domctl, {kWild}), minus(Errno::fault));
    for (const std::uint32_t cmd : {0U, 6U, 37U, 87U, 1000U, ~0U})
        EXPECT_EQ(domctl(op, cmd, id), minus(Errno::nosys)) << cmd;
}

TEST_F(DomctlTest, Dom0CannotBeDestroyedPausedOrOverwrittenThroughTheTools)
{
    xen_domctl op{};
    for (const std::uint32_t cmd : std::initializer_list<std::uint32_t>{
             XEN_DOMCTL_destroydomain,
             XEN_DOMCTL_pausedomain,
             XEN_DOMCTL_max_vcpus,
             XEN_DOMCTL_setvcpucontext})
        for (const std::uint16_t self : {std::uint16_t{0}, std::uint16_t{DOMID_SELF}})
            EXPECT_EQ(domctl(op, cmd, self), minus(Errno::perm)) << cmd;
    EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, 77), minus(Errno::srch));
    EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, DOMID_XEN), minus(Errno::srch));
}

TEST_F(DomctlTest, PausesOfTheToolsNestAndCannotUndoOthers)
{
    const std::uint16_t id = new_domain();
    xen_domctl op{};
    EXPECT_EQ(domctl(op, XEN_DOMCTL_pausedomain, id), 0);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_unpausedomain, id), 0);
    EXPECT_NE(flags_of(id) & XEN_DOMINF_paused, 0U);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_unpausedomain, id), 0);
    EXPECT_EQ(flags_of(id) & XEN_DOMINF_paused, 0U);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_unpausedomain, id), minus(Errno::inval));
    shut_down(system, domain(id), SHUTDOWN_suspend);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_unpausedomain, id), minus(Errno::inval));
    EXPECT_TRUE(domain(id).vcpus[0]->held(Hold::paused));
    EXPECT_EQ(domctl(op, XEN_DOMCTL_resumedomain, id), 0);
    EXPECT_FALSE(domain(id).vcpus[0]->held(Hold::paused));
}

TEST_F(DomctlTest, AStoppedDomainSaysWhyAndTheToolsAreTold)
{
    listen();
    const std::uint16_t id = new_domain();
    EXPECT_FALSE(told());
    shut_down(system, domain(id), SHUTDOWN_crash);
    EXPECT_TRUE(told());
    EXPECT_NE(flags_of(id) & XEN_DOMINF_shutdown, 0U);
    EXPECT_EQ(flags_of(id) >> XEN_DOMINF_shutdownshift, std::uint32_t{SHUTDOWN_crash});
}

TEST_F(DomctlTest, DestroyingGivesEveryFrameBackAndTellsTheTools)
{
    listen();
    const std::uint64_t free = free_frames();
    const std::uint16_t id = new_domain(4);
    Domain& guest = domain(id);
    ASSERT_TRUE(make_event_room(system, guest));
    ASSERT_TRUE(guest.events.alloc_unbound(kDom0));
    ASSERT_TRUE(guest.grants.grow(system.memory, 2));
    // A page-table tree that is pinned, and plain pages.
    std::array<Mfn, 4> levels{};
    for (Mfn& level : levels)
        level = *system.memory.allocate_for(guest.memory, 0);
    for (unsigned i = 0; i < 3; ++i)
        hal::table_entries(levels[i])[0] = Pte::make(levels[i + 1], 7).raw;
    const Mfn page = *system.memory.allocate_for(guest.memory, 3);
    hal::table_entries(levels[3])[0] = Pte::make(page, 7).raw;
    ASSERT_TRUE(system.tables.pin(levels[0], 4, guest.rights()));
    xen_domctl op{};
    ASSERT_EQ(domctl(op, XEN_DOMCTL_destroydomain, id), 0);
    EXPECT_EQ(system.domain(DomId{id}), nullptr);
    EXPECT_EQ(free_frames(), free);
    EXPECT_TRUE(told());
    EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, id), minus(Errno::srch));
}

TEST_F(DomctlTest, ADestroyedDomainStaysDyingWhileItsGrantsAreMapped)
{
    const std::uint64_t free = free_frames();
    const std::uint16_t id = new_domain();
    Domain& guest = domain(id);
    ASSERT_TRUE(guest.grants.grow(system.memory, 1));
    const Mfn page = *system.memory.allocate_for(guest.memory, 0);
    auto* const entry =
        reinterpret_cast<grant_entry_v1_t*>(hal::frame_bytes(guest.grants.frame(0)));
    entry[8] = {GTF_permit_access, 0, static_cast<std::uint32_t>(page.value)};
    gnttab_map_grant_ref map{};
    map.flags = GNTMAP_device_map;
    map.ref = 8;
    map.dom = id;
    put(kBuffer, map);
    ASSERT_EQ(make(__HYPERVISOR_grant_table_op, {GNTTABOP_map_grant_ref, kBuffer, 1}), 0);
    map = get<gnttab_map_grant_ref>(kBuffer);
    ASSERT_EQ(map.status, GNTST_okay);
    xen_domctl op{};
    EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, id), 0);
    EXPECT_NE(flags_of(id) & XEN_DOMINF_dying, 0U);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, id), 0) << "again is no error";
    EXPECT_EQ(system.memory.frames()[page].owner, kNobody);
    gnttab_unmap_grant_ref unmap{};
    unmap.dev_bus_addr = map.dev_bus_addr;
    unmap.handle = map.handle;
    put(kBuffer, unmap);
    ASSERT_EQ(make(__HYPERVISOR_grant_table_op, {GNTTABOP_unmap_grant_ref, kBuffer, 1}), 0);
    EXPECT_EQ(get<gnttab_unmap_grant_ref>(kBuffer).status, GNTST_okay);
    EXPECT_EQ(system.domain(DomId{id}), nullptr);
    dom0->mappings.release(system.memory);
    EXPECT_EQ(free_frames(), free);
}

TEST_F(DomctlTest, ADomainThatDiesLetsGoOfTheGrantsItUses)
{
    const std::uint16_t id = new_domain();
    ASSERT_TRUE(dom0->grants.grow(system.memory, 1));
    const Mfn page = *system.memory.allocate_for(dom0->memory, 0);
    auto* const entry =
        reinterpret_cast<grant_entry_v1_t*>(hal::frame_bytes(dom0->grants.frame(0)));
    entry[3] = {GTF_permit_access, id, static_cast<std::uint32_t>(page.value)};
    gnttab_map_grant_ref map{};
    map.flags = GNTMAP_device_map;
    map.ref = 3;
    put(kBuffer, map);
    caller = domain(id).vcpus[0];
    ASSERT_EQ(make(__HYPERVISOR_grant_table_op, {GNTTABOP_map_grant_ref, kBuffer, 1}), 0);
    ASSERT_EQ(get<gnttab_map_grant_ref>(kBuffer).status, GNTST_okay);
    EXPECT_EQ(dom0->grants.in_use(), 1U);
    caller = dom0->vcpus[0];
    xen_domctl op{};
    EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, id), 0);
    EXPECT_EQ(dom0->grants.in_use(), 0U);
    EXPECT_EQ(entry[3].flags, GTF_permit_access);
    EXPECT_EQ(system.domain(DomId{id}), nullptr);
}

TEST_F(DomctlTest, GetdomaininfoFindsTheNextDomainForThoseWhoIterate)
{
    const std::uint16_t id = new_domain();
    xen_domctl op{};
    ASSERT_EQ(domctl(op, XEN_DOMCTL_getdomaininfo, 1), 0);
    EXPECT_EQ(op.domain, id);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getdomaininfo, id + 1), minus(Errno::srch));
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getdomaininfo, DOMID_SELF), minus(Errno::inval));
}

TEST_F(DomctlTest, VcpusAreDescribedAndWildNumbersRefused)
{
    fake_machine().now = 5'000'000'000;
    const std::uint16_t id = new_domain();
    xen_domctl op{};
    op.u.getvcpuinfo.vcpu = 1;
    ASSERT_EQ(domctl(op, XEN_DOMCTL_getvcpuinfo, id), 0);
    EXPECT_EQ(op.u.getvcpuinfo.online, 0);
    EXPECT_EQ(op.u.getvcpuinfo.cpu_time, 0U) << "it has never run";
    for (const std::uint32_t vcpu : {2U, 128U, ~0U}) {
        op.u.getvcpuinfo.vcpu = vcpu;
        EXPECT_EQ(domctl(op, XEN_DOMCTL_getvcpuinfo, id), minus(Errno::inval));
        op.u.vcpucontext.vcpu = vcpu;
        EXPECT_EQ(domctl(op, XEN_DOMCTL_getvcpucontext, id), minus(Errno::inval));
        op.u.vcpuaffinity.vcpu = vcpu;
        op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
        EXPECT_EQ(domctl(op, XEN_DOMCTL_setvcpuaffinity, id), minus(Errno::inval));
    }
    op.u.vcpucontext.vcpu = 0;
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getvcpucontext, id), minus(Errno::nodata));
}

TEST_F(DomctlTest, AContextComesBackWithRingThreeAsTheGuestMustSeeIt)
{
    const std::uint16_t id = new_domain();
    Domain& guest = domain(id);
    const Mfn root = *system.memory.allocate_for(guest.memory, 0);
    auto context = std::make_unique<vcpu_guest_context>();
    context->flags = VGCF_in_kernel | VGCF_online;
    context->user_regs.rip = 0xffffffff81000000;
    context->user_regs.cs = 0x10;
    context->user_regs.ss = 0x18;
    context->kernel_sp = 0x1234;
    context->gs_base_kernel = 0x42;
    context->ctrlreg[3] = xen_pfn_to_cr3(root.value);
    put(kBuffer, *context);
    xen_domctl op{};
    point(op.u.vcpucontext.ctxt, kBuffer);
    ASSERT_EQ(domctl(op, XEN_DOMCTL_setvcpucontext, id), 0);
    put(kBuffer, vcpu_guest_context{});
    ASSERT_EQ(domctl(op, XEN_DOMCTL_getvcpucontext, id), 0);
    *context = get<vcpu_guest_context>(kBuffer);
    EXPECT_EQ(context->user_regs.rip, 0xffffffff81000000);
    EXPECT_EQ(context->user_regs.cs, 0x13);
    EXPECT_EQ(context->user_regs.ss, 0x1b);
    EXPECT_EQ(context->ctrlreg[3], xen_pfn_to_cr3(root.value));
    EXPECT_EQ(context->kernel_sp, 0x1234U);
    EXPECT_EQ(context->gs_base_kernel, 0x42U);
    // What was read may be given back with other registers, but not with other tables.
    context->user_regs.rax = 1;
    put(kBuffer, *context);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_setvcpucontext, id), 0);
    EXPECT_EQ(guest.vcpus[0]->regs.rax, 1U);
    context->ctrlreg[3] = xen_pfn_to_cr3(root.value + 1);
    put(kBuffer, *context);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_setvcpucontext, id), minus(Errno::inval));
    point(op.u.vcpucontext.ctxt, kWild);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getvcpucontext, id), minus(Errno::fault));
}

TEST_F(DomctlTest, AContextIsNotReadWhileAnotherProcessorHasTheRegisters)
{
    const std::uint16_t id = new_domain();
    Vcpu& vcpu = *domain(id).vcpus[0];
    vcpu.initialised = true;
    vcpu.holds = 0;
    vcpu.sched.running = true;
    xen_domctl op{};
    point(op.u.vcpucontext.ctxt, kBuffer);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getvcpucontext, id), minus(Errno::busy));
    // One that idles with them is told to let go, and asked again.
    vcpu.sched.running = false;
    vcpu.sched.kept = true;
    vcpu.sched.cpu = 1;
    Call call{system, *caller, caller->regs, __HYPERVISOR_domctl, {kArgument}};
    EXPECT_EQ(dispatch(call).kind(), Answer::Kind::again);
    EXPECT_TRUE(system.cpus[1].release && system.cpus[1].choose);
    vcpu.sched.kept = false;
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getvcpucontext, id), 0);
}

TEST_F(DomctlTest, WeightCapAndAffinityAreSetAndRead)
{
    system.cpu_count = 2;
    const std::uint16_t id = new_domain();
    xen_domctl op{};
    op.u.scheduler_op = {.sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_putinfo};
    op.u.scheduler_op.u.credit2 = {512, 40};
    ASSERT_EQ(domctl(op, XEN_DOMCTL_scheduler_op, id), 0);
    op.u.scheduler_op.u.credit2 = {};
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    ASSERT_EQ(domctl(op, XEN_DOMCTL_scheduler_op, id), 0);
    EXPECT_EQ(op.u.scheduler_op.u.credit2.weight, 512);
    EXPECT_EQ(op.u.scheduler_op.u.credit2.cap, 40);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
    EXPECT_EQ(domctl(op, XEN_DOMCTL_scheduler_op, id), minus(Errno::inval));

    op = {};
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 16;
    point(op.u.vcpuaffinity.cpumap_hard.bitmap, kBuffer);
    put(kBuffer, std::uint16_t{0xfffe});
    ASSERT_EQ(domctl(op, XEN_DOMCTL_setvcpuaffinity, id), 0);
    EXPECT_EQ(domain(id).vcpus[0]->sched.affinity, 2U);
    EXPECT_EQ(get<std::uint16_t>(kBuffer), 2) << "what took effect";
    put(kBuffer, std::uint16_t{0xfffc});
    EXPECT_EQ(domctl(op, XEN_DOMCTL_setvcpuaffinity, id), minus(Errno::inval))
        << "no such processor";
    xen_domctl soft{};
    soft.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_SOFT;
    soft.u.vcpuaffinity.cpumap_soft.nr_bits = 16;
    point(soft.u.vcpuaffinity.cpumap_soft.bitmap, kBuffer);
    put(kBuffer, std::uint16_t{1});
    ASSERT_EQ(domctl(soft, XEN_DOMCTL_setvcpuaffinity, id), 0);
    EXPECT_EQ(get<std::uint16_t>(kBuffer), 0) << "what takes effect beside the hard one";
    ASSERT_EQ(domctl(soft, XEN_DOMCTL_getvcpuaffinity, id), 0);
    EXPECT_EQ(get<std::uint16_t>(kBuffer), 1);
    op.u.vcpuaffinity.cpumap_hard.nr_bits = ~0U;
    EXPECT_EQ(domctl(op, XEN_DOMCTL_getvcpuaffinity, id), minus(Errno::inval));
    point(op.u.vcpuaffinity.cpumap_hard.bitmap, kWild);
    EXPECT_EQ(domctl(op, XEN_DOMCTL_setvcpuaffinity, id), minus(Errno::fault));
}

} // namespace
} // namespace zocalo::hv
