// SPDX-License-Identifier: Apache-2.0
// Trees of tables that no single call goes through: interrupted, gone on with, given up.
#include "tests/unit/hypervisor-core/mm/page_tables_fixture.hpp"

namespace zocalo::hv {
namespace {

// A tree of more tables than one call goes through: `l2` names `l1_count` of them.
struct LargeTree {
    Mfn l4, l3, l2;
    std::vector<Mfn> l1;
};

struct LargeTreeTest : PageTablesTest {
    static constexpr unsigned kLowest = 150;
    static_assert(kLowest > 2 * PageTables::kWorkOfACall);
    Mfn data = page();

    LargeTree large_tree()
    {
        LargeTree made{page(), page(), page(), {}};
        raw(made.l4, 0, made.l3, kWrite);
        raw(made.l3, 0, made.l2, kWrite);
        for (unsigned i = 0; i < kLowest; ++i) {
            made.l1.push_back(page());
            raw(made.l1[i], i, data, kWrite);
            raw(made.l2, 2 * i, made.l1[i], kWrite);
        }
        return made;
    }
    // One call: whether it ended, or is to be made again.
    static bool ended(const Result<Unit>& result)
    {
        return result || result.error() != Errno::again;
    }
    Result<Unit> pin_call(Mfn root)
    {
        tables.refill();
        return tables.pin(root, 4, rights);
    }
    Result<Unit> pin_to_the_end(Mfn root, unsigned& calls)
    {
        for (calls = 1;; ++calls) {
            const auto pinned = pin_call(root);
            EXPECT_FALSE(audit(memory, counts));
            if (ended(pinned))
                return pinned;
        }
    }
    // How often the leftover of the last call had to be gone on with.
    unsigned finish_leftover()
    {
        const Mfn left = tables.take_leftover();
        unsigned calls = 0;
        while (left != Mfn{} && !tables.finish(left)) {
            EXPECT_FALSE(audit(memory, counts));
            ++calls;
        }
        return calls;
    }
    void expect_nothing_is_held(const LargeTree& tree)
    {
        for (const Mfn mfn : {tree.l4, tree.l3, tree.l2, tree.l1.front(), tree.l1.back(), data}) {
            EXPECT_EQ(info(mfn).type_refs, 0U);
            EXPECT_EQ(info(mfn).refs, 1U);
            EXPECT_FALSE(info(mfn).has(FrameInfo::partial));
            EXPECT_FALSE(info(mfn).has(FrameInfo::pinned));
        }
    }
};

// The class of XSA-45 and its followers: no operation on page tables may take as long as a guest
// likes.
TEST_F(LargeTreeTest, PinningGoesOnWhereTheLastCallStopped)
{
    const LargeTree tree = large_tree();
    unsigned calls = 0;
    ASSERT_TRUE(pin_to_the_end(tree.l4, calls));
    EXPECT_EQ(calls, 3U);
    EXPECT_EQ(info(data).type_refs, kLowest);
    EXPECT_FALSE(info(tree.l2).has(FrameInfo::partial));
    EXPECT_EQ(pin_call(tree.l4).error(), Errno::inval); // is pinned

    tables.refill();
    ASSERT_TRUE(tables.unpin(tree.l4, kGuest));
    EXPECT_TRUE(tables.has_leftover());
    EXPECT_GE(finish_leftover(), 1U);
    expect_nothing_is_held(tree);
}

TEST_F(LargeTreeTest, APartialTableIsNeitherWritableNorAnythingElse)
{
    const LargeTree tree = large_tree();
    const Tree small = this->tree();
    ASSERT_EQ(pin_call(tree.l4).error(), Errno::again);
    ASSERT_TRUE(info(tree.l2).has(FrameInfo::partial));
    for (const Mfn table : {tree.l2, tree.l1.front()})
        EXPECT_EQ(
            tables.write({small.l1, 0}, Pte::make(table, kWrite), WriteKind::plain, rights).error(),
            Errno::busy
        );
    EXPECT_FALSE(tables.pin(tree.l2, 1, rights));
    EXPECT_EQ(
        tables.write({tree.l2, 500}, Pte::make(small.l1, kWrite), WriteKind::plain, rights).error(),
        Errno::busy
    );
    ASSERT_TRUE(tables.unpin(tree.l4, kGuest)); // in the middle of its pin
    finish_leftover();
    expect_nothing_is_held(tree);
}

TEST_F(LargeTreeTest, ABadEntryAtTheEndUndoesWhatManyCallsDid)
{
    const LargeTree tree = large_tree();
    raw(tree.l1.back(), 511, page(other), kReadOnly);
    unsigned calls = 0;
    EXPECT_EQ(pin_to_the_end(tree.l4, calls).error(), Errno::inval);
    EXPECT_EQ(calls, 3U);
    finish_leftover();
    expect_nothing_is_held(tree);
}

TEST_F(LargeTreeTest, ATableLeftPartialIsWhoseEverAsksNext)
{
    const LargeTree tree = large_tree();
    const Tree small = this->tree();
    const auto write = [&](Pte entry) {
        tables.refill();
        return tables.write({small.l3, 7}, entry, WriteKind::plain, rights);
    };
    ASSERT_EQ(write(Pte::make(tree.l2, kWrite)).error(), Errno::again);
    EXPECT_TRUE(info(tree.l2).has(FrameInfo::ownerless));
    EXPECT_EQ(tables.read({small.l3, 7}), Pte{});
    // Another vCPU wants it in the middle of it: it has the first one's progress.
    ASSERT_EQ(pin_call(tree.l4).error(), Errno::again);
    ASSERT_TRUE(pin_call(tree.l4));
    ASSERT_TRUE(write(Pte::make(tree.l2, kWrite)));
    EXPECT_EQ(info(tree.l2).type_refs, 2U);
    ASSERT_TRUE(write(Pte{}));
    EXPECT_FALSE(tables.has_leftover());
    ASSERT_TRUE(tables.unpin(tree.l4, kGuest));
    finish_leftover();
    expect_nothing_is_held(tree);
}

TEST_F(LargeTreeTest, ATableWhoseEndWasInterruptedCanBeUsedAgain)
{
    const LargeTree tree = large_tree();
    unsigned calls = 0;
    ASSERT_TRUE(pin_to_the_end(tree.l4, calls));
    tables.refill();
    ASSERT_TRUE(tables.unpin(tree.l4, kGuest));
    const Mfn left = tables.take_leftover();
    ASSERT_EQ(left, tree.l4);
    ASSERT_TRUE(pin_to_the_end(tree.l4, calls));
    EXPECT_EQ(info(data).type_refs, kLowest);
    EXPECT_TRUE(tables.finish(left)); // not the end's any more
    EXPECT_TRUE(info(tree.l4).has(FrameInfo::pinned));
    tables.refill();
    ASSERT_TRUE(tables.unpin(tree.l4, kGuest));
    finish_leftover();
    expect_nothing_is_held(tree);
}

TEST_F(LargeTreeTest, WhatIsGivenBackInTheMiddleIsFreed)
{
    const LargeTree tree = large_tree();
    ASSERT_EQ(pin_call(tree.l4).error(), Errno::again);
    const std::uint64_t free = memory.buddy().free_frames();
    for (const Mfn mfn : {tree.l4, tree.l2}) { // l2 is held by l3, which l4 held
        tables.refill();
        tables.let_go(mfn);
        finish_leftover();
        memory.release(mfn, guest);
    }
    EXPECT_EQ(memory.buddy().free_frames(), free + 2);
    EXPECT_EQ(info(data).refs, 1U);
}

} // namespace
} // namespace zocalo::hv
