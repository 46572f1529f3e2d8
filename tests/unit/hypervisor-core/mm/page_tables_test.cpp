// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/descriptor_page.hpp"
#include "tests/unit/hypervisor-core/mm/page_tables_fixture.hpp"

namespace zocalo::hv {
namespace {

TEST_F(PageTablesTest, PinningATreeGivesEveryTableItsType)
{
    const Tree t = tree();
    EXPECT_EQ(info(t.l4).type, FrameType::l4);
    EXPECT_EQ(info(t.l3).type, FrameType::l3);
    EXPECT_EQ(info(t.l2).type, FrameType::l2);
    EXPECT_EQ(info(t.l1).type, FrameType::l1);
    EXPECT_EQ(info(t.l1).type_refs, 1U);
    ASSERT_TRUE(tables.unpin(t.l4, kGuest));
    EXPECT_EQ(info(t.l1).type_refs, 0U);
    EXPECT_EQ(info(t.l1).refs, 1U);
}

TEST_F(PageTablesTest, EntriesAreFoundWhereverTheyStand)
{
    // Empty ones are passed over in groups: at the edges of these, none may be missed.
    const std::array<unsigned, 9> slots{0, 6, 7, 8, 15, 16, 255, 256, 511};
    const Mfn l1 = page(), mapped = page();
    for (const unsigned slot : slots)
        raw(l1, slot, mapped, kWrite);
    ASSERT_TRUE(tables.pin(l1, 1, rights));
    EXPECT_EQ(info(mapped).refs, 1 + slots.size());
    EXPECT_EQ(info(mapped).type_refs, slots.size());
    ASSERT_TRUE(tables.unpin(l1, kGuest));
    EXPECT_EQ(info(mapped).refs, 1U);
    EXPECT_EQ(info(mapped).type_refs, 0U);
}

TEST_F(PageTablesTest, WhatWasTakenBeforeABadEntryIsGivenBack)
{
    const Mfn l1 = page(), mapped = page(), foreign = page(other);
    for (const unsigned slot : {3U, 8U, 300U, 510U})
        raw(l1, slot, mapped, kWrite);
    raw(l1, 509, foreign, kReadOnly);
    EXPECT_FALSE(tables.pin(l1, 1, rights));
    EXPECT_EQ(info(mapped).refs, 1U);
    EXPECT_EQ(info(mapped).type_refs, 0U);
    EXPECT_EQ(info(foreign).refs, 1U);
}

TEST_F(PageTablesTest, ATableIsNeverMappedWritable)
{
    const Tree t = tree();
    EXPECT_EQ(
        tables.write({t.l1, 0}, Pte::make(t.l1, kWrite), WriteKind::plain, rights).error(),
        Errno::busy
    );
    EXPECT_EQ(
        tables.write({t.l1, 0}, Pte::make(t.l4, kWrite), WriteKind::plain, rights).error(),
        Errno::busy
    );
    EXPECT_TRUE(tables.write({t.l1, 0}, Pte::make(t.l4, kReadOnly), WriteKind::plain, rights));
}

TEST_F(PageTablesTest, APageThatIsMappedWritableCannotBecomeATable)
{
    const Tree t = tree();
    const Mfn data = page();
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte::make(data, kWrite), WriteKind::plain, rights));
    EXPECT_EQ(tables.pin(data, 1, rights).error(), Errno::inval);
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte::make(data, kReadOnly), WriteKind::plain, rights));
    EXPECT_TRUE(tables.pin(data, 1, rights));
}

TEST_F(PageTablesTest, BecomingATableFlushesTranslationsThatMayBeLeft)
{
    const Tree t = tree();
    const Mfn data = page();
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte::make(data, kWrite), WriteKind::plain, rights));
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte{}, WriteKind::plain, rights));
    const unsigned before = fake_machine().flushes;
    ASSERT_TRUE(tables.pin(data, 1, rights));
    EXPECT_EQ(fake_machine().flushes, before + 1);
}

TEST_F(PageTablesTest, NoFlushWhenTheProcessorForgotEverythingMeanwhile)
{
    const Tree t = tree();
    const Mfn data = page();
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte::make(data, kWrite), WriteKind::plain, rights));
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte{}, WriteKind::plain, rights));
    memory.frames().clock().flushed(0);
    const unsigned before = fake_machine().flushes;
    ASSERT_TRUE(tables.pin(data, 1, rights));
    EXPECT_EQ(fake_machine().flushes, before);
}

TEST_F(PageTablesTest, FramesOfOthersAreMappedOnlyInTheirName)
{
    const Tree t = tree();
    const Mfn theirs = page(other);
    EXPECT_EQ(
        tables.write({t.l1, 0}, Pte::make(theirs, kReadOnly), WriteKind::plain, rights).error(),
        Errno::inval
    );
    const MapRights foreign{kGuest, kOther, false};
    EXPECT_TRUE(tables.write({t.l1, 0}, Pte::make(theirs, kWrite), WriteKind::plain, foreign));
    EXPECT_EQ(info(theirs).refs, 2U);
}

TEST_F(PageTablesTest, OfTheHypervisorsFramesOnlyWhatItShowsIsMappedAndOnlyToRead)
{
    const Tree t = tree();
    const Mfn shown = *memory.allocate();
    const Mfn hidden = *memory.allocate();
    tables.show(shown, 1);
    unsigned slot = 0;
    const auto map = [&](Mfn mfn, std::uint64_t flags, DomId owner) {
        const MapRights as{kGuest, owner, false};
        return tables.write({t.l1, slot++}, Pte::make(mfn, flags), WriteKind::plain, as);
    };
    EXPECT_TRUE(map(shown, kReadOnly, kOwnerHypervisor));
    EXPECT_EQ(info(shown).refs, 2U);
    EXPECT_EQ(map(shown, kWrite, kOwnerHypervisor).error(), Errno::perm);
    EXPECT_EQ(map(hidden, kReadOnly, kOwnerHypervisor).error(), Errno::perm);
    EXPECT_EQ(map(shown, kReadOnly, kGuest).error(), Errno::inval);
}

TEST_F(PageTablesTest, AMappedFrameIsFreedOnlyWhenTheMappingGoes)
{
    const Tree t = tree();
    const Mfn data = page();
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte::make(data, kReadOnly), WriteKind::plain, rights));
    const std::uint64_t free = memory.buddy().free_frames();
    memory.release(data, guest);
    EXPECT_EQ(memory.buddy().free_frames(), free);
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte{}, WriteKind::plain, rights));
    EXPECT_EQ(memory.buddy().free_frames(), free + 1);
}

TEST_F(PageTablesTest, OneBadEntryUndoesTheWholeValidation)
{
    const Mfn l1 = page(), good = page(), theirs = page(other);
    raw(l1, 0, good, kWrite);
    raw(l1, 1, theirs, kReadOnly);
    EXPECT_FALSE(tables.pin(l1, 1, rights));
    EXPECT_EQ(info(good).refs, 1U);
    EXPECT_EQ(info(good).type_refs, 0U);
    EXPECT_EQ(info(l1).type_refs, 0U);
}

TEST_F(PageTablesTest, TheHypervisorsSlotsAreNotTheGuests)
{
    const Tree t = tree();
    EXPECT_EQ(
        tables.write({t.l4, 256}, Pte::make(t.l3, kWrite), WriteKind::plain, rights).error(),
        Errno::perm
    );
    EXPECT_FALSE(tables.find(t.l4, 0xffff800000000000));
}

TEST_F(PageTablesTest, LargePagesAndLoopsOfTablesAreRefused)
{
    const Tree t = tree();
    const Mfn data = page();
    EXPECT_FALSE(
        tables.write({t.l2, 1}, Pte::make(data, kWrite | Pte::kLarge), WriteKind::plain, rights)
    );
    EXPECT_FALSE(tables.write({t.l4, 1}, Pte::make(t.l4, kWrite), WriteKind::plain, rights));
    EXPECT_FALSE(tables.write({t.l2, 1}, Pte::make(t.l2, kWrite), WriteKind::plain, rights));
    EXPECT_FALSE(
        tables.write({t.l4, 1}, Pte::make(t.l3, kReadOnly | Pte::kLarge), WriteKind::plain, rights)
    );
}

// The class of XSA-182: no way from a linear table that shows tables to one that can write to them.
TEST_F(PageTablesTest, ATableMayNameItselfReadOnlyButNeverWritable)
{
    const Tree t = tree();
    const auto before = info(t.l4);
    ASSERT_TRUE(tables.write({t.l4, 1}, Pte::make(t.l4, kReadOnly), WriteKind::plain, rights));
    EXPECT_FALSE(audit(memory, counts));
    EXPECT_FALSE(tables.write({t.l4, 1}, Pte::make(t.l4, kWrite), WriteKind::plain, rights));
    EXPECT_EQ(tables.read({t.l4, 1}).mfn(), t.l4);
    EXPECT_FALSE(tables.read({t.l4, 1}).writable());
    // Addresses in that range are no place for level-1 entries.
    EXPECT_FALSE(tables.find(t.l4, std::uint64_t{1} << 39));
    ASSERT_TRUE(tables.write({t.l4, 1}, Pte{}, WriteKind::plain, rights));
    EXPECT_EQ(info(t.l4).refs, before.refs);
    EXPECT_EQ(info(t.l4).type_refs, before.type_refs);
}

TEST_F(PageTablesTest, WhatIsNoRamNeedsAPermission)
{
    const Tree t = tree();
    const Mfn device{1 << 20};
    EXPECT_EQ(
        tables.write({t.l1, 0}, Pte::make(device, kWrite), WriteKind::plain, rights).error(),
        Errno::perm
    );
    const MapRights io{kGuest, kGuest, true};
    EXPECT_TRUE(tables.write({t.l1, 0}, Pte::make(device, kWrite), WriteKind::plain, io));
    IoRanges given;
    ASSERT_TRUE(given.give(device.value, (2 << 20) + 1));
    const MapRights some{kGuest, kGuest, false, &given};
    EXPECT_TRUE(tables.write({t.l1, 2}, Pte::make(device, kWrite), WriteKind::plain, some));
    const Mfn next{device.value - 1};
    EXPECT_FALSE(tables.write({t.l1, 3}, Pte::make(next, kWrite), WriteKind::plain, some));
    tables.forbid_io(Mfn{2 << 20});
    EXPECT_FALSE(tables.write({t.l1, 1}, Pte::make(Mfn{2 << 20}, kWrite), WriteKind::plain, some));
    EXPECT_FALSE(tables.write({t.l1, 1}, Pte::make(Mfn{2 << 20}, kWrite), WriteKind::plain, io));
}

TEST_F(PageTablesTest, AnExchangeThatMissesChangesNothing)
{
    const Tree t = tree();
    const Mfn data = page();
    const auto done = tables.exchange({t.l1, 0}, Pte{1 << 9}, Pte::make(data, kWrite), rights);
    ASSERT_TRUE(done);
    EXPECT_FALSE(*done);
    EXPECT_EQ(info(data).refs, 1U);
    EXPECT_EQ(tables.read({t.l1, 0}), Pte{});
}

TEST_F(PageTablesTest, AccessedAndDirtySurviveAnUpdateThatKeepsThem)
{
    const Tree t = tree();
    const Mfn data = page();
    ASSERT_TRUE(tables.write({t.l1, 0}, Pte::make(data, kWrite), WriteKind::plain, rights));
    hal::table_entries(t.l1)[0] |= Pte::kDirty;
    ASSERT_TRUE(
        tables.write({t.l1, 0}, Pte::make(data, kReadOnly), WriteKind::keep_accessed_dirty, rights)
    );
    EXPECT_NE(tables.read({t.l1, 0}).raw & Pte::kDirty, 0U);
    EXPECT_FALSE(tables.read({t.l1, 0}).writable());
}

TEST_F(PageTablesTest, DescriptorPagesAreCheckedAndNeverWritable)
{
    constexpr std::uint64_t kRing0Code = 0x00af9b000000ffff, kCallGate = 0x00008c0000080000;
    const Tree t = tree();
    const Mfn gdt = page(), bad = page();
    hal::table_entries(gdt)[1] = kRing0Code;
    hal::table_entries(bad)[1] = kCallGate;
    ASSERT_TRUE(get_descriptors(memory, gdt, kGuest));
    EXPECT_EQ(hal::table_entries(gdt)[1] >> 45 & 3, 3U);
    EXPECT_FALSE(tables.write({t.l1, 0}, Pte::make(gdt, kWrite), WriteKind::plain, rights));
    EXPECT_FALSE(get_descriptors(memory, bad, kGuest));
    EXPECT_EQ(info(bad).type_refs, 0U);
}

TEST_F(PageTablesTest, AProcessorThatRestsIsNotAskedToFlush)
{
    FrameTable& frames = memory.frames();
    frames.set_online(0b111);
    frames.set_resting(1, true);
    const auto reuse = [&] { // what was writable becomes a table
        const Mfn mfn = page();
        EXPECT_TRUE(frames.get_writable(mfn));
        frames.put_writable(mfn);
        fake_machine().flushed_cpus = 0;
        EXPECT_TRUE(tables.get_table(mfn, 1, rights));
        tables.put_table(mfn, 1);
        return fake_machine().flushed_cpus;
    };
    EXPECT_EQ(reuse(), 0b101U);
    frames.set_resting(1, false);
    EXPECT_EQ(reuse(), 0b111U);
}

TEST_F(PageTablesTest, TheAuditFindsAWritableTable)
{
    const Tree t = tree();
    hal::table_entries(t.l1)[5] = Pte::make(t.l1, kWrite).raw;
    EXPECT_TRUE(audit(memory, counts));
    EXPECT_FALSE(*audit_and_tell(memory));
    EXPECT_NE(
        fake_machine().console.find("maps a table or descriptor page writable"), std::string::npos
    );
    hal::table_entries(t.l1)[5] = 0;
    const std::uint64_t free = memory.buddy().free_frames();
    EXPECT_TRUE(*audit_and_tell(memory));
    EXPECT_EQ(memory.buddy().free_frames(), free);
}

} // namespace
} // namespace zocalo::hv
