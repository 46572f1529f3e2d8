// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/pv/emulate.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace zocalo::hv::pv {
namespace {

constexpr DomId kGuest{1};
constexpr std::uint64_t kCode = FakeMachine::kGuestStart;
constexpr std::uint64_t kTableAt = 0x3000; // where the guest sees its own level-1 table
constexpr std::uint64_t kWrite = Pte::kPresent | Pte::kUser | Pte::kWritable;

struct TableWriteTest : testing::Test {
    std::vector<FrameInfo> infos = std::vector<FrameInfo>(FakeMachine::kFrames);
    std::vector<std::uint64_t> m2p = std::vector<std::uint64_t>(FakeMachine::kFrames);
    std::unique_ptr<System> system = std::make_unique<System>();
    std::unique_ptr<Domain> domain = std::make_unique<Domain>();
    vcpu_info info{};
    Vcpu vcpu{};
    TrapFrame frame{};
    Mfn l1{}, data{};

    TableWriteTest()
    {
        fake_machine().reset();
        system->memory.start(infos, m2p);
        system->memory.add_free(Mfn{1}, FakeMachine::kFrames - 1);
        domain->id = kGuest;
        domain->memory = {.owner = kGuest, .limit = 200};
        const Mfn l4 = page(), l3 = page(), l2 = page();
        l1 = page();
        data = page();
        point(l4, 0, l3);
        point(l3, 0, l2);
        point(l2, 0, l1);
        hal::table_entries(l1)[3] = Pte::make(l1, Pte::kPresent | Pte::kUser).raw;
        EXPECT_TRUE(system->tables.pin(l4, 4, domain->rights()));
        vcpu.domain = domain.get();
        vcpu.info = &info;
        vcpu.pv.kernel_table = l4;
        frame.rip = kCode;
    }
    Mfn page() { return *system->memory.allocate_for(domain->memory, 0); }
    void point(Mfn table, unsigned slot, Mfn to)
    {
        hal::table_entries(table)[slot] = Pte::make(to, kWrite).raw;
    }
    bool run(std::initializer_list<int> bytes, unsigned slot, unsigned offset = 0)
    {
        std::uint64_t at = kCode;
        for (const int byte : bytes)
            *fake_machine().guest_bytes(at++) = static_cast<std::byte>(byte);
        frame.rip = kCode;
        return emulate_table_write(*system, vcpu, frame, kTableAt + 8 * slot + offset);
    }
    std::uint64_t entry(unsigned slot) const { return hal::table_entries(l1)[slot]; }
};

TEST_F(TableWriteTest, AStoredEntryIsCheckedAndCounted)
{
    frame.rbp = Pte::make(data, kWrite).raw;
    ASSERT_TRUE(run({0x48, 0x89, 0x28}, 7)); // mov %rbp,(%rax)
    EXPECT_EQ(entry(7), frame.rbp);
    EXPECT_EQ(frame.rip, kCode + 3);
    EXPECT_EQ(system->memory.frames()[data].type_refs, 1U);
}

TEST_F(TableWriteTest, AnExchangeGivesTheOldEntry)
{
    frame.rax = Pte::make(data, kWrite).raw;
    ASSERT_TRUE(run({0x48, 0x87, 0x07}, 7)); // xchg %rax,(%rdi)
    EXPECT_EQ(frame.rax, 0U);
    ASSERT_TRUE(run({0x48, 0x87, 0x07}, 7));
    EXPECT_EQ(frame.rax, Pte::make(data, kWrite).raw);
    EXPECT_EQ(system->memory.frames()[data].refs, 1U);
}

TEST_F(TableWriteTest, OneByteOfAnEntryCanLoseItsWriteBit)
{
    frame.rbp = Pte::make(data, kWrite).raw;
    ASSERT_TRUE(run({0x48, 0x89, 0x28}, 7));
    ASSERT_TRUE(run({0xf0, 0x80, 0x20, 0xfd}, 7)); // lock andb $0xfd,(%rax)
    EXPECT_FALSE(Pte{entry(7)}.writable());
    EXPECT_EQ(system->memory.frames()[data].type_refs, 0U);
}

TEST_F(TableWriteTest, AWritableMappingOfATableIsRefusedThisWayToo)
{
    frame.rbp = Pte::make(l1, kWrite).raw;
    EXPECT_FALSE(run({0x48, 0x89, 0x28}, 7));
    EXPECT_EQ(entry(7), 0U);
    EXPECT_EQ(frame.rip, kCode);
}

TEST_F(TableWriteTest, CompareAndExchangeFollowsItsComparison)
{
    frame.rax = 0;
    frame.rcx = Pte::make(data, kWrite).raw;
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xb1, 0x0f}, 7)); // lock cmpxchg %rcx,(%rdi)
    EXPECT_NE(frame.rflags & 0x40, 0U);
    EXPECT_EQ(entry(7), frame.rcx);
    frame.rax = 1 << 9;
    ASSERT_TRUE(run({0xf0, 0x48, 0x0f, 0xb1, 0x0f}, 7));
    EXPECT_EQ(frame.rflags & 0x40, 0U);
    EXPECT_EQ(frame.rax, entry(7));
}

TEST_F(TableWriteTest, WhatIsNoTableOrCrossesAnEntryIsTheGuestsOwnFault)
{
    EXPECT_FALSE(run({0x48, 0x89, 0x28}, 7, 4));
    EXPECT_FALSE(emulate_table_write(*system, vcpu, frame, 0x5000));
    EXPECT_FALSE(emulate_table_write(*system, vcpu, frame, 0xffff800000000000));
}

} // namespace
} // namespace zocalo::hv::pv
