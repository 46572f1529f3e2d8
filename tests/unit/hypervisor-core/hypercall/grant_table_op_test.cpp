// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hal/memory.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

#include <xen/grant_table.h>
#include <xen/memory.h>

namespace zocalo::hv {
namespace {

struct GrantTableOpTest : SystemFixture {
    std::uint16_t guest{new_domain()};
    Mfn page{*system.memory.allocate_for(domain(guest).memory, 0)};

    std::int64_t op(std::uint32_t number, std::uint64_t count = 1, std::uint64_t at = kBuffer)
    {
        return make(__HYPERVISOR_grant_table_op, {number, at, count});
    }
    grant_entry_v1_t& entry(std::uint32_t ref)
    {
        EXPECT_TRUE(domain(guest).grants.grow(system.memory, 1));
        auto* const bytes = hal::frame_bytes(domain(guest).grants.frame(0));
        return reinterpret_cast<grant_entry_v1_t*>(bytes)[ref];
    }
    void grant(std::uint32_t ref, Mfn mfn)
    {
        entry(ref) = {GTF_permit_access, 0, static_cast<std::uint32_t>(mfn.value)};
    }
};

TEST_F(GrantTableOpTest, ATableIsSetUpOnceAndShownAgain)
{
    gnttab_setup_table args{};
    args.dom = DOMID_SELF;
    args.nr_frames = 2;
    point(args.frame_list, kBuffer + 256);
    put(kBuffer, args);
    caller = domain(guest).vcpus[0];
    ASSERT_EQ(op(GNTTABOP_setup_table), 0);
    ASSERT_EQ(get<gnttab_setup_table>(kBuffer).status, GNTST_okay);
    EXPECT_EQ(get<std::uint64_t>(kBuffer + 264), domain(guest).grants.frame(1).value);
    gnttab_query_size size{};
    size.dom = DOMID_SELF;
    put(kBuffer, size);
    ASSERT_EQ(op(GNTTABOP_query_size), 0);
    EXPECT_EQ(get<gnttab_query_size>(kBuffer).nr_frames, 2U);
    EXPECT_EQ(get<gnttab_query_size>(kBuffer).max_nr_frames, 4U);
    args.nr_frames = ~0U;
    put(kBuffer, args);
    ASSERT_EQ(op(GNTTABOP_setup_table), 0);
    EXPECT_EQ(get<gnttab_setup_table>(kBuffer).status, GNTST_general_error);
    args.dom = 0; // of dom0
    args.nr_frames = 1;
    put(kBuffer, args);
    ASSERT_EQ(op(GNTTABOP_setup_table), 0);
    EXPECT_EQ(get<gnttab_setup_table>(kBuffer).status, GNTST_permission_denied);
}

TEST_F(GrantTableOpTest, ADomainThatMayUseVersionOneOnlyIsToldSo)
{
    caller = domain(guest).vcpus[0];
    domain(guest).grants.start(DomId{guest}, 4, 1);
    put(kBuffer, gnttab_set_version{1});
    EXPECT_EQ(op(GNTTABOP_set_version), 0);
    put(kBuffer, gnttab_set_version{2});
    EXPECT_EQ(op(GNTTABOP_set_version), minus(Errno::nosys));
    EXPECT_EQ(get<gnttab_set_version>(kBuffer).version, 1U) << "what it is instead";
    put(kBuffer, gnttab_set_version{3});
    EXPECT_EQ(op(GNTTABOP_set_version), minus(Errno::inval));
    put(kBuffer, gnttab_set_version{0});
    EXPECT_EQ(op(GNTTABOP_set_version), minus(Errno::inval));
}

TEST_F(GrantTableOpTest, StatusFramesAreShownToTheirOwnerAndToTheTools)
{
    caller = domain(guest).vcpus[0];
    EXPECT_TRUE(domain(guest).grants.grow(system.memory, 1));
    gnttab_get_status_frames args{};
    args.dom = DOMID_SELF;
    args.nr_frames = 1;
    point(args.frame_list, kBuffer + 256);
    const auto status = [&] {
        put(kBuffer, args);
        EXPECT_EQ(op(GNTTABOP_get_status_frames), 0);
        return get<gnttab_get_status_frames>(kBuffer).status;
    };
    EXPECT_EQ(status(), GNTST_general_error) << "version 1 has none";
    put(kBuffer, gnttab_set_version{2});
    ASSERT_EQ(op(GNTTABOP_set_version), 0);
    EXPECT_EQ(status(), GNTST_okay);
    const std::uint64_t frame = domain(guest).grants.status_frame(0).value;
    EXPECT_EQ(get<std::uint64_t>(kBuffer + 256), frame);
    args.nr_frames = 2;
    EXPECT_EQ(status(), GNTST_general_error);
    args.nr_frames = 1;
    args.dom = 0;
    EXPECT_EQ(status(), GNTST_permission_denied);
    args.dom = 77;
    EXPECT_EQ(status(), GNTST_bad_domain);

    gnttab_get_version version{};
    version.dom = DOMID_SELF;
    put(kBuffer, version);
    ASSERT_EQ(op(GNTTABOP_get_version), 0);
    EXPECT_EQ(get<gnttab_get_version>(kBuffer).version, 2U);

    caller = dom0->vcpus[0];
    xen_mem_acquire_resource resource{};
    resource.domid = guest;
    resource.type = XENMEM_resource_grant_table;
    resource.id = XENMEM_resource_grant_table_id_status;
    resource.nr_frames = 1;
    point(resource.frame_list, kBuffer + 256);
    put(kBuffer, resource);
    EXPECT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_acquire_resource, kBuffer}), 0);
    EXPECT_EQ(get<std::uint64_t>(kBuffer + 256), frame);
    resource.frame = 1;
    put(kBuffer, resource);
    EXPECT_EQ(
        make(__HYPERVISOR_memory_op, {XENMEM_acquire_resource, kBuffer}), minus(Errno::inval)
    );
}

TEST_F(GrantTableOpTest, WhatIsNotSupportedIsRefused)
{
    for (const std::uint32_t number : std::initializer_list<std::uint32_t>{
             GNTTABOP_dump_table, GNTTABOP_transfer, GNTTABOP_cache_flush})
        EXPECT_EQ(op(number), minus(Errno::nosys)) << number;
    EXPECT_EQ(op(13), minus(Errno::nosys));
    EXPECT_EQ(op(~0U), minus(Errno::nosys));
    EXPECT_EQ(op(GNTTABOP_map_grant_ref, ~0ULL), minus(Errno::inval));
}

TEST_F(GrantTableOpTest, AListGoesOnAfterABatchAndEachItemHasItsStatus)
{
    constexpr unsigned kItems = 3 * 32 + 5;
    grant(8, page);
    for (unsigned i = 0; i < kItems; ++i) {
        gnttab_map_grant_ref map{};
        map.flags = GNTMAP_device_map;
        map.ref = i % 2 == 0 ? 8 : 9;
        map.dom = guest;
        put(kBuffer + i * sizeof(map), map);
    }
    ASSERT_EQ(op(GNTTABOP_map_grant_ref, kItems), 0);
    for (unsigned i = 0; i < kItems; ++i)
        EXPECT_EQ(
            get<gnttab_map_grant_ref>(kBuffer + i * sizeof(gnttab_map_grant_ref)).status,
            i % 2 == 0 ? GNTST_okay : GNTST_general_error
        );
    EXPECT_EQ(domain(guest).grants.in_use(), 1U);
}

TEST_F(GrantTableOpTest, DomainsThatAreNotThereOrDyingGrantNothing)
{
    grant(8, page);
    gnttab_map_grant_ref map{};
    map.flags = GNTMAP_device_map;
    map.ref = 8;
    for (const domid_t dom : {domid_t{77}, domid_t{DOMID_IO}, domid_t{0xffff}, domid_t{guest}}) {
        domain(guest).dying = true;
        map.dom = dom;
        put(kBuffer, map);
        EXPECT_EQ(op(GNTTABOP_map_grant_ref), 0);
        EXPECT_EQ(get<gnttab_map_grant_ref>(kBuffer).status, GNTST_bad_domain) << dom;
    }
}

TEST_F(GrantTableOpTest, AnUnmapIsFollowedByAFlushBeforeTheGrantIsFree)
{
    grant(8, page);
    gnttab_map_grant_ref map{};
    map.flags = GNTMAP_device_map;
    map.ref = 8;
    map.dom = guest;
    put(kBuffer, map);
    ASSERT_EQ(op(GNTTABOP_map_grant_ref), 0);
    map = get<gnttab_map_grant_ref>(kBuffer);
    const unsigned flushes = fake_machine().flushes;
    put(kBuffer, gnttab_unmap_grant_ref{0, map.dev_bus_addr, map.handle, 0});
    ASSERT_EQ(op(GNTTABOP_unmap_grant_ref), 0);
    EXPECT_EQ(get<gnttab_unmap_grant_ref>(kBuffer).status, GNTST_okay);
    EXPECT_GT(fake_machine().flushes, flushes);
    EXPECT_EQ(entry(8).flags, GTF_permit_access);
    put(kBuffer, gnttab_unmap_grant_ref{0, map.dev_bus_addr, map.handle, 0});
    ASSERT_EQ(op(GNTTABOP_unmap_grant_ref), 0);
    EXPECT_EQ(get<gnttab_unmap_grant_ref>(kBuffer).status, GNTST_bad_handle);
}

TEST_F(GrantTableOpTest, CopiesBetweenGrantsAndOwnPages)
{
    grant(8, page);
    const Mfn own = *system.memory.allocate_for(dom0->memory, 0);
    hal::frame_bytes(page)[7] = std::byte{99};
    gnttab_copy copy{};
    copy.source.u.ref = 8;
    copy.source.domid = guest;
    copy.source.offset = 7;
    copy.dest.u.gmfn = own.value;
    copy.dest.domid = DOMID_SELF;
    copy.dest.offset = 11;
    copy.len = 1;
    copy.flags = GNTCOPY_source_gref;
    put(kBuffer, copy);
    ASSERT_EQ(op(GNTTABOP_copy), 0);
    EXPECT_EQ(get<gnttab_copy>(kBuffer).status, GNTST_okay);
    EXPECT_EQ(hal::frame_bytes(own)[11], std::byte{99});
    copy.flags = 0; // a frame of somebody else, named by its number
    copy.source.u.gmfn = page.value;
    put(kBuffer, copy);
    ASSERT_EQ(op(GNTTABOP_copy), 0);
    EXPECT_EQ(get<gnttab_copy>(kBuffer).status, GNTST_permission_denied);
    EXPECT_EQ(op(GNTTABOP_copy, 1, kWild), minus(Errno::fault));
}

TEST_F(GrantTableOpTest, TheToolsGetTheFramesOfATableAndNobodyElseDoes)
{
    xen_mem_acquire_resource args{};
    args.domid = guest;
    args.type = XENMEM_resource_grant_table;
    args.nr_frames = 1;
    point(args.frame_list, kBuffer);
    put(kArgument, args);
    ASSERT_EQ(make(__HYPERVISOR_memory_op, {XENMEM_acquire_resource, kArgument}), 0);
    EXPECT_EQ(get<std::uint64_t>(kBuffer), domain(guest).grants.frame(0).value);
    args.frame = ~0ULL;
    put(kArgument, args);
    EXPECT_EQ(
        make(__HYPERVISOR_memory_op, {XENMEM_acquire_resource, kArgument}), minus(Errno::inval)
    );
    args.frame = 3;
    args.nr_frames = 2;
    put(kArgument, args);
    EXPECT_EQ(
        make(__HYPERVISOR_memory_op, {XENMEM_acquire_resource, kArgument}), minus(Errno::inval)
    );
    args.frame = 0;
    args.domid = DOMID_SELF;
    put(kArgument, args);
    EXPECT_EQ(
        make(__HYPERVISOR_memory_op, {XENMEM_acquire_resource, kArgument}), minus(Errno::perm)
    );
    caller = domain(guest).vcpus[0];
    args.domid = 0;
    put(kArgument, args);
    EXPECT_EQ(
        make(__HYPERVISOR_memory_op, {XENMEM_acquire_resource, kArgument}), minus(Errno::perm)
    );
}

} // namespace
} // namespace zocalo::hv
