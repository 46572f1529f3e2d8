// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/grant/grant_copy.hpp"
#include "hypervisor-core/grant/grant_map.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace zocalo::hv {
namespace {

constexpr DomId kGranter{3}, kUser{5}, kStranger{6};
constexpr std::uint64_t kWrite = Pte::kPresent | Pte::kUser | Pte::kWritable;

struct GrantTest : testing::Test {
    std::vector<FrameInfo> infos = std::vector<FrameInfo>(FakeMachine::kFrames);
    std::vector<std::uint64_t> m2p = std::vector<std::uint64_t>(FakeMachine::kFrames);
    Memory memory;
    PageTables tables{memory};
    OwnedFrames granter_frames{.owner = kGranter, .limit = 200};
    OwnedFrames user_frames{.owner = kUser, .limit = 200};
    GrantTable grants;
    MapTrack track;
    GrantUser user{kUser, track, {}};
    Mfn page{}, l1{};

    GrantTest()
    {
        fake_machine().reset();
        memory.start(infos, m2p);
        memory.add_free(Mfn{1}, FakeMachine::kFrames - 1);
        grants.start(kGranter, 4);
        EXPECT_TRUE(grants.grow(memory, 1));
        track.start(2);
        page = *memory.allocate_for(granter_frames, 0);
        make_tables();
    }

    // The user's address space: one pinned tree, empty.
    void make_tables()
    {
        std::array<Mfn, 4> levels{};
        for (Mfn& level : levels)
            level = *memory.allocate_for(user_frames, 0);
        for (unsigned i = 0; i < 3; ++i)
            hal::table_entries(levels[i])[0] = Pte::make(levels[i + 1], kWrite).raw;
        EXPECT_TRUE(tables.pin(levels[0], 4, {kUser, kUser}));
        user.root = levels[0];
        l1 = levels[3];
    }
    grant_entry_v1_t& entry(std::uint32_t ref)
    {
        return reinterpret_cast<grant_entry_v1_t*>(hal::frame_bytes(grants.frame(0)))[ref];
    }
    void grant(std::uint32_t ref, Mfn mfn, DomId to = kUser, std::uint16_t flags = 0)
    {
        entry(ref).frame = static_cast<std::uint32_t>(mfn.value);
        entry(ref).domid = to.value;
        entry(ref).flags = static_cast<std::uint16_t>(GTF_permit_access | flags);
    }
    GrantMapper mapper() { return {memory, tables}; }
    auto map(std::uint64_t address, std::uint32_t flags = GNTMAP_host_map, std::uint32_t ref = 8)
    {
        return map_grant(mapper(), user, grants, {address, flags, GrantRef{ref}});
    }
    GrantStatus unmap(const UnmapRequest& request)
    {
        const auto begun = begin_unmap(mapper(), user, grants, request);
        if (!begun)
            return begun.error();
        end_unmap(memory, track, grants, *begun);
        return GrantStatus::okay;
    }
    const FrameInfo& info(Mfn mfn) { return memory.frames()[mfn]; }
};

TEST_F(GrantTest, AMappedGrantIsInThePageTableAndMarkedUntilItIsUnmapped)
{
    grant(8, page);
    const auto mapped = map(0x5000);
    ASSERT_TRUE(mapped);
    const Pte pte = tables.read({l1, 5});
    EXPECT_EQ(pte.mfn(), page);
    EXPECT_TRUE(pte.writable());
    EXPECT_EQ(entry(8).flags, GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT_EQ(grants.in_use(), 1U);

    EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = mapped->handle}), GrantStatus::okay);
    EXPECT_FALSE(tables.read({l1, 5}).present());
    EXPECT_EQ(entry(8).flags, GTF_permit_access);
    EXPECT_EQ(grants.in_use(), 0U);
    EXPECT_EQ(info(page).refs, 1U);
    EXPECT_EQ(info(page).type_refs, 0U);
}

TEST_F(GrantTest, AMappingByTheAddressOfItsEntryWorksAndMustBeUndoneSo)
{
    grant(8, page);
    const std::uint64_t at = (l1.value << kPageShift) + 7 * sizeof(Pte);
    constexpr std::uint32_t kFlags =
        GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_application_map | 1U << 16;
    const auto mapped = map(at, kFlags);
    ASSERT_TRUE(mapped);
    EXPECT_EQ(tables.read({l1, 7}).mfn(), page);
    EXPECT_NE(tables.read({l1, 7}).raw & 1 << 9, 0U) << "the software bit that was asked for";
    EXPECT_EQ(unmap({.host_addr = 0x7000, .handle = mapped->handle}), GrantStatus::general_error);
    EXPECT_EQ(unmap({.host_addr = at, .handle = mapped->handle}), GrantStatus::okay);
    EXPECT_EQ(grants.in_use(), 0U);
}

TEST_F(GrantTest, EntryAddressesThatAreNoLevelOneTableOfTheCallerAreRefused)
{
    grant(8, page);
    constexpr std::uint32_t kFlags = GNTMAP_host_map | GNTMAP_contains_pte;
    for (const std::uint64_t at :
         {user.root.value << kPageShift, // a level-4 table
          page.value << kPageShift,      // somebody else's page
          (l1.value << kPageShift) + 4,  // not aligned
          std::uint64_t{FakeMachine::kFrames} << kPageShift,
          ~std::uint64_t{7}})
        EXPECT_EQ(map(at, kFlags).error(), GrantStatus::general_error) << at;
    EXPECT_EQ(grants.in_use(), 0U);
    EXPECT_EQ(entry(8).flags, GTF_permit_access) << "nothing is left behind";
    EXPECT_EQ(info(page).refs, 1U);
}

TEST_F(GrantTest, OnlyWhatIsPermittedCanBeUsed)
{
    EXPECT_EQ(map(0x5000).error(), GrantStatus::general_error) << "nothing was granted";
    EXPECT_EQ(map(0x5000, GNTMAP_host_map, 512).error(), GrantStatus::bad_gntref);
    EXPECT_EQ(map(0x5000, GNTMAP_host_map, ~0U).error(), GrantStatus::bad_gntref);
    grant(8, page, kStranger);
    EXPECT_EQ(map(0x5000).error(), GrantStatus::general_error) << "granted to somebody else";
    grant(8, page, kUser, GTF_readonly);
    EXPECT_EQ(map(0x5000).error(), GrantStatus::general_error) << "read-only";
    EXPECT_TRUE(map(0x5000, GNTMAP_host_map | GNTMAP_readonly));
    EXPECT_FALSE(tables.read({l1, 5}).writable());
    grant(9, page, kUser, GTF_sub_page);
    entry(9).flags = GTF_transitive;
    EXPECT_EQ(map(0x6000, GNTMAP_host_map, 9).error(), GrantStatus::general_error);
    EXPECT_EQ(map(0x6000, 0, 8).error(), GrantStatus::bad_gntref) << "no kind of mapping asked for";
}

TEST_F(GrantTest, AGranterCannotGiveAwayWhatItDoesNotOwn)
{
    const Mfn own = *memory.allocate_for(user_frames, 0);
    const Mfn ours = *memory.allocate();
    for (const Mfn mfn : {own, ours, Mfn{FakeMachine::kFrames + 5}, Mfn{0xffffffff}}) {
        grant(8, mfn);
        EXPECT_EQ(map(0x5000).error(), GrantStatus::general_error) << mfn.value;
        EXPECT_EQ(entry(8).flags, GTF_permit_access);
    }
    EXPECT_EQ(grants.in_use(), 0U);
}

TEST_F(GrantTest, APageTableCannotBeGrantedForWritingNorBecomeOneWhileItIs)
{
    grant(8, page);
    ASSERT_TRUE(tables.pin(page, 1, {kGranter, kGranter}));
    EXPECT_EQ(map(0x5000).error(), GrantStatus::general_error);
    EXPECT_TRUE(map(0x6000, GNTMAP_host_map | GNTMAP_readonly));
    ASSERT_TRUE(tables.unpin(page, kGranter));
    const auto mapped = map(0x5000);
    ASSERT_TRUE(mapped);
    EXPECT_EQ(tables.pin(page, 1, {kGranter, kGranter}).error(), Errno::inval);
    // Even when the mapping was overwritten behind our back, the pin holds it.
    ASSERT_TRUE(tables.write({l1, 5}, Pte{}, WriteKind::plain, {kUser, kUser}));
    EXPECT_EQ(tables.pin(page, 1, {kGranter, kGranter}).error(), Errno::inval);
    EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = mapped->handle}), GrantStatus::general_error);
}

TEST_F(GrantTest, AnEntryThatChangesWhileItIsUsedChangesNothing)
{
    grant(8, page);
    const auto mapped = map(0x5000);
    ASSERT_TRUE(mapped);
    // The granter takes it back without asking, and grants something else under the number.
    const Mfn other = *memory.allocate_for(granter_frames, 0);
    grant(8, other, kStranger);
    const auto again = map(0x6000);
    ASSERT_TRUE(again) << "a second use of what is in use needs no new permission";
    EXPECT_EQ(tables.read({l1, 6}).mfn(), page) << "and is of the same page";
    EXPECT_EQ(unmap({.host_addr = 0x6000, .handle = again->handle}), GrantStatus::okay);
    EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = mapped->handle}), GrantStatus::okay);
    EXPECT_EQ(info(page).refs, 1U);
    EXPECT_EQ(map(0x5000).error(), GrantStatus::general_error);
}

TEST_F(GrantTest, AFreedPageStaysWhileItIsMappedAndIsFreedAfterwards)
{
    grant(8, page);
    const auto mapped = map(0x5000);
    ASSERT_TRUE(mapped);
    memory.release(page, granter_frames);
    const std::uint64_t free = memory.buddy().free_frames();
    EXPECT_NE(info(page).refs, 0U);
    EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = mapped->handle}), GrantStatus::okay);
    EXPECT_EQ(memory.buddy().free_frames(), free + 1);
}

TEST_F(GrantTest, DeviceMappingsAreUsesOfTheirOwn)
{
    grant(8, page);
    const auto mapped = map(0x5000, GNTMAP_host_map | GNTMAP_device_map);
    ASSERT_TRUE(mapped);
    EXPECT_EQ(mapped->dev_bus_addr, page.value << kPageShift);
    EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = mapped->handle}), GrantStatus::okay);
    EXPECT_EQ(grants.in_use(), 1U) << "the device may still write";
    EXPECT_EQ(
        unmap({.dev_bus_addr = (page.value + 1) << kPageShift, .handle = mapped->handle}),
        GrantStatus::bad_dev_addr
    );
    EXPECT_EQ(
        unmap({.dev_bus_addr = page.value << kPageShift, .handle = mapped->handle}),
        GrantStatus::okay
    );
    EXPECT_EQ(grants.in_use(), 0U);
    EXPECT_EQ(
        unmap({.dev_bus_addr = page.value << kPageShift, .handle = mapped->handle}),
        GrantStatus::bad_handle
    );
}

TEST_F(GrantTest, WildAndFreedHandlesAreRefused)
{
    grant(8, page);
    const auto mapped = map(0x5000);
    ASSERT_TRUE(mapped);
    for (const grant_handle_t handle : {mapped->handle + 1, 100'000U, ~0U})
        EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = handle}), GrantStatus::bad_handle);
    EXPECT_EQ(unmap({.host_addr = 0x9000, .handle = mapped->handle}), GrantStatus::general_error);
    EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = mapped->handle}), GrantStatus::okay);
    EXPECT_EQ(unmap({.host_addr = 0x5000, .handle = mapped->handle}), GrantStatus::bad_handle);
}

TEST_F(GrantTest, TheSameHandleTwiceInOneBatchIsUndoneOnce)
{
    grant(8, page);
    const auto mapped = map(0x5000);
    ASSERT_TRUE(mapped);
    const UnmapRequest request{.host_addr = 0x5000, .handle = mapped->handle};
    const auto first = begin_unmap(mapper(), user, grants, request);
    ASSERT_TRUE(first);
    EXPECT_EQ(begin_unmap(mapper(), user, grants, request).error(), GrantStatus::bad_handle);
    end_unmap(memory, track, grants, *first);
    EXPECT_EQ(grants.in_use(), 0U);
}

TEST_F(GrantTest, ReplacingMovesAnotherPageIntoThePlace)
{
    grant(8, page);
    const Mfn own = *memory.allocate_for(user_frames, 0);
    ASSERT_TRUE(tables.write({l1, 9}, Pte::make(own, kWrite), WriteKind::plain, {kUser, kUser}));
    const auto mapped = map(0x5000);
    ASSERT_TRUE(mapped);
    EXPECT_EQ(
        unmap({.host_addr = 0x5000, .new_addr = 0x9000, .handle = mapped->handle}),
        GrantStatus::okay
    );
    EXPECT_EQ(tables.read({l1, 5}).mfn(), own);
    EXPECT_FALSE(tables.read({l1, 9}).present());
    EXPECT_EQ(info(own).refs, 2U);
    EXPECT_EQ(info(page).refs, 1U);
}

TEST_F(GrantTest, HandlesRunOutWithAnErrorAndWithoutALeak)
{
    grant(8, page);
    std::vector<grant_handle_t> handles;
    for (;;) {
        const auto mapped = map(0x5000, GNTMAP_device_map);
        if (!mapped) {
            EXPECT_EQ(mapped.error(), GrantStatus::no_space);
            break;
        }
        handles.push_back(mapped->handle);
    }
    EXPECT_EQ(handles.size(), 2 * MapTrack::kPerFrame);
    for (const grant_handle_t handle : handles)
        abandon_mapping(memory, track, grants, handle);
    EXPECT_EQ(grants.in_use(), 0U);
    EXPECT_EQ(entry(8).flags, GTF_permit_access);
    EXPECT_EQ(info(page).refs, 1U);
}

TEST_F(GrantTest, TablesGrowToTheirLimitAndGiveEverythingBack)
{
    const std::uint64_t free = memory.buddy().free_frames();
    EXPECT_TRUE(grants.grow(memory, 4));
    EXPECT_EQ(grants.grow(memory, 5).error(), Errno::nospc);
    EXPECT_EQ(grants.entries(), 4 * GrantTable::kPerFrame);
    grants.release(memory);
    EXPECT_EQ(grants.frames(), 0U);
    EXPECT_EQ(memory.buddy().free_frames(), free + 3);
}

TEST_F(GrantTest, SwappingExchangesEntriesNobodyUses)
{
    grant(8, page);
    EXPECT_EQ(grants.swap(GrantRef{8}, GrantRef{9}), GrantStatus::okay);
    EXPECT_EQ(entry(9).domid, kUser.value);
    EXPECT_EQ(entry(8).flags, 0);
    EXPECT_EQ(grants.swap(GrantRef{8}, GrantRef{512}), GrantStatus::bad_gntref);
    ASSERT_TRUE(map(0x5000, GNTMAP_host_map, 9));
    EXPECT_EQ(grants.swap(GrantRef{8}, GrantRef{9}), GrantStatus::general_error);
}

TEST_F(GrantTest, CopiesStayWithinTheirPagesAndLeaveNoPin)
{
    grant(8, page);
    const Mfn own = *memory.allocate_for(user_frames, 0);
    hal::frame_bytes(page)[100] = std::byte{42};
    const CopySide from{.granter = &grants, .ref = GrantRef{8}, .offset = 100};
    const CopySide to{.mfn = own, .offset = 4000};
    EXPECT_EQ(copy_granted(memory, kUser, from, to, 96), GrantStatus::okay);
    EXPECT_EQ(hal::frame_bytes(own)[4000], std::byte{42});
    EXPECT_EQ(copy_granted(memory, kUser, from, to, 97), GrantStatus::bad_copy_arg);
    EXPECT_EQ(
        copy_granted(memory, kUser, {.mfn = own, .offset = 65535}, to, 65535),
        GrantStatus::bad_copy_arg
    );
    EXPECT_EQ(copy_granted(memory, kUser, from, {.mfn = page}, 1), GrantStatus::bad_page);
    EXPECT_EQ(copy_granted(memory, kUser, from, {.mfn = l1}, 1), GrantStatus::general_error)
        << "a page table";
    EXPECT_EQ(copy_granted(memory, kStranger, from, to, 1), GrantStatus::general_error);
    EXPECT_EQ(grants.in_use(), 0U);
    EXPECT_EQ(entry(8).flags, GTF_permit_access);
    EXPECT_EQ(info(own).refs, 1U);
}

TEST_F(GrantTest, AGranterThatChangesItsEntryAllTheTimeGainsNothing)
{
    grant(8, page);
    const Mfn other = *memory.allocate_for(user_frames, 0); // not the granter's to give
    std::atomic<bool> over{false};
    std::thread hostile{[&] {
        auto& raw = *reinterpret_cast<std::uint32_t*>(&entry(8));
        const std::atomic_ref<std::uint32_t> word{raw};
        const std::atomic_ref<std::uint32_t> frame{entry(8).frame};
        while (!over.load()) {
            word.store(GTF_permit_access | std::uint32_t{kStranger.value} << 16);
            frame.store(static_cast<std::uint32_t>(other.value));
            word.store(GTF_permit_access | GTF_readonly | std::uint32_t{kUser.value} << 16);
            frame.store(static_cast<std::uint32_t>(page.value));
            word.store(GTF_permit_access | std::uint32_t{kUser.value} << 16);
        }
    }};
    for (unsigned turn = 0; turn < 20'000; ++turn) {
        const auto pinned = grants.pin(memory, GrantRef{8}, kUser, GrantAccess::write);
        if (!pinned)
            continue;
        EXPECT_EQ(*pinned, page);
        grants.unpin(memory, GrantRef{8}, GrantAccess::write);
    }
    over = true;
    hostile.join();
    EXPECT_EQ(grants.in_use(), 0U);
    EXPECT_EQ(info(page).refs, 1U);
    EXPECT_EQ(info(page).type_refs, 0U);
    EXPECT_EQ(info(other).refs, 1U);
}

} // namespace
} // namespace zocalo::hv
