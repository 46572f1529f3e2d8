// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/grant/grant_table.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace zocalo::hv {
namespace {

constexpr DomId kGranter{3}, kUser{5};
constexpr std::uint16_t kUsed = GTF_reading | GTF_writing;

struct GrantVersionTest : testing::Test {
    std::vector<FrameInfo> infos = std::vector<FrameInfo>(FakeMachine::kFrames);
    std::vector<std::uint64_t> m2p = std::vector<std::uint64_t>(FakeMachine::kFrames);
    Memory memory;
    OwnedFrames owned{.owner = kGranter, .limit = 200};
    GrantTable grants;
    Mfn page{};

    GrantVersionTest()
    {
        fake_machine().reset();
        memory.start(infos, m2p);
        memory.add_free(Mfn{1}, FakeMachine::kFrames - 1);
        grants.start(kGranter, 16);
        EXPECT_TRUE(grants.grow(memory, 1));
        page = *memory.allocate_for(owned, 0);
    }
    template <class T> T& in_frame(Mfn frame, std::uint32_t index)
    {
        return reinterpret_cast<T*>(hal::frame_bytes(frame))[index];
    }
    grant_entry_v1_t& v1(std::uint32_t ref)
    {
        return in_frame<grant_entry_v1_t>(grants.frame(0), ref);
    }
    grant_entry_v2_t& v2(std::uint32_t ref)
    {
        return in_frame<grant_entry_v2_t>(grants.frame(0), ref);
    }
    grant_status_t& status(std::uint32_t ref)
    {
        return in_frame<grant_status_t>(grants.status_frame(0), ref);
    }
    void grant_v1(std::uint32_t ref)
    {
        v1(ref) = {GTF_permit_access, kUser.value, static_cast<std::uint32_t>(page.value)};
    }
    void grant_v2(std::uint32_t ref, std::uint16_t flags = GTF_permit_access)
    {
        v2(ref).full_page.hdr = {flags, kUser.value};
        v2(ref).full_page.frame = page.value;
    }
    auto pin(std::uint32_t ref, GrantAccess access = GrantAccess::write)
    {
        return grants.pin(memory, GrantRef{ref}, kUser, access);
    }
    auto set(unsigned version) { return grants.set_version(memory, version); }
};

TEST_F(GrantVersionTest, EntriesOfTheToolsGoAlongWithTheirUsesAndOthersAreEmptied)
{
    grant_v1(1);
    grant_v1(20);
    ASSERT_TRUE(pin(1));
    ASSERT_TRUE(set(2));
    EXPECT_EQ(v2(1).full_page.hdr.flags, GTF_permit_access);
    EXPECT_EQ(v2(1).full_page.frame, page.value);
    EXPECT_EQ(status(1), kUsed);
    EXPECT_EQ(v2(20).hdr.flags, 0U);
    EXPECT_EQ(grants.entries(), 256U);
    ASSERT_TRUE(set(1));
    EXPECT_EQ(v1(1).flags, GTF_permit_access | kUsed);
    EXPECT_EQ(v1(1).frame, page.value);
    grants.unpin(memory, GrantRef{1}, GrantAccess::write);
    EXPECT_EQ(v1(1).flags, GTF_permit_access);
    EXPECT_EQ(memory.frames()[page].refs, 1U);
}

TEST_F(GrantVersionTest, AUseIsSaidInTheStatusAndEndsThere)
{
    ASSERT_TRUE(set(2));
    grant_v2(9);
    ASSERT_TRUE(pin(9, GrantAccess::read));
    EXPECT_EQ(status(9), GTF_reading);
    ASSERT_TRUE(pin(9));
    EXPECT_EQ(status(9), kUsed);
    EXPECT_EQ(v2(9).hdr.flags, GTF_permit_access);
    EXPECT_EQ(set(1).error(), Errno::busy);
    grants.unpin(memory, GrantRef{9}, GrantAccess::write);
    EXPECT_EQ(status(9), GTF_reading);
    grants.unpin(memory, GrantRef{9}, GrantAccess::read);
    EXPECT_EQ(status(9), 0U);
    EXPECT_TRUE(set(1));
}

TEST_F(GrantVersionTest, PartsOfPagesGrantsOfGrantsAndWildFramesAreNotGranted)
{
    ASSERT_TRUE(set(2));
    for (const unsigned flags :
         {GTF_permit_access | GTF_sub_page,
          GTF_transitive,
          unsigned{GTF_invalid},
          GTF_accept_transfer,
          GTF_permit_access | GTF_readonly}) {
        grant_v2(9, static_cast<std::uint16_t>(flags));
        EXPECT_EQ(pin(9).error(), GrantStatus::general_error) << flags;
    }
    grant_v2(9);
    for (const std::uint64_t frame : {std::uint64_t{1} << 32 | page.value, ~std::uint64_t{0}}) {
        v2(9).full_page.frame = frame;
        EXPECT_EQ(pin(9).error(), GrantStatus::general_error) << frame;
    }
    EXPECT_EQ(status(9), 0U);
    EXPECT_EQ(pin(256).error(), GrantStatus::bad_gntref) << "entries are larger";
}

// Class "grant status" (XSA-255).
TEST_F(GrantVersionTest, AStatusFrameThatIsMappedKeepsTheVersion)
{
    ASSERT_TRUE(set(2));
    const Mfn frame = grants.status_frame(0);
    ASSERT_TRUE(memory.frames().get(frame, kGranter));
    EXPECT_EQ(set(1).error(), Errno::busy);
    EXPECT_EQ(grants.version(), 2U);
    memory.put(frame);
    EXPECT_TRUE(set(1));
    EXPECT_EQ(grants.status_frames(), 0U);
    EXPECT_EQ(memory.frames()[frame].refs, 0U) << "it is free";
}

TEST_F(GrantVersionTest, StatusFramesGrowWithTheTableAndAllComeBack)
{
    const std::uint64_t free = memory.buddy().free_frames();
    GrantTable other;
    other.start(kGranter, 16);
    ASSERT_TRUE(other.set_version(memory, 2)) << "a table without frames";
    ASSERT_TRUE(other.grow(memory, 8));
    EXPECT_EQ(other.status_frames(), 1U);
    ASSERT_TRUE(other.grow(memory, 9));
    EXPECT_EQ(other.status_frames(), 2U);
    other.release(memory);
    EXPECT_EQ(memory.buddy().free_frames(), free);
}

TEST_F(GrantVersionTest, WhatTheFirstVersionHasNoWordForStaysInTheSecond)
{
    ASSERT_TRUE(set(2));
    grant_v2(3);
    v2(3).full_page.frame = std::uint64_t{1} << 32;
    EXPECT_EQ(set(1).error(), Errno::inval);
    grant_v2(3, GTF_permit_access | GTF_sub_page);
    EXPECT_EQ(set(1).error(), Errno::inval);
    grant_v2(3, GTF_invalid);
    EXPECT_TRUE(set(1));
    EXPECT_EQ(set(0).error(), Errno::inval);
    EXPECT_EQ(set(3).error(), Errno::inval);
}

// A granter that changes its entry all the time: what is granted was permitted, or nothing stays.
TEST_F(GrantVersionTest, AnEntryThatChangesUnderOurHandsLeavesNoStatusBehind)
{
    ASSERT_TRUE(set(2));
    std::atomic<bool> over{false};
    std::jthread changer{[&] {
        std::atomic_ref<std::uint32_t> head{*reinterpret_cast<std::uint32_t*>(&v2(9))};
        const std::uint32_t permit = GTF_permit_access | std::uint32_t{kUser.value} << 16;
        while (!over)
            for (const std::uint32_t value : {permit, std::uint32_t{GTF_invalid}})
                head.store(value);
    }};
    std::atomic_ref<std::uint64_t>{v2(9).full_page.frame}.store(page.value);
    for (unsigned i = 0; i < 20000; ++i)
        if (pin(9))
            grants.unpin(memory, GrantRef{9}, GrantAccess::write);
    over = true;
    changer.join();
    EXPECT_EQ(status(9), 0U);
    EXPECT_EQ(grants.in_use(), 0U);
    EXPECT_EQ(memory.frames()[page].refs, 1U);
}

} // namespace
} // namespace zocalo::hv
