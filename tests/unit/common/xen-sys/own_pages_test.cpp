// SPDX-License-Identifier: Apache-2.0
// How copies name memory that this domain granted to itself. That Xen takes such copies, and that
// the device grants pages, is for the lab: tests/lab/test_backends.py.
#include "common/xen-sys/grant_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <unistd.h>

namespace zocalo::xen {
namespace {

constexpr DomId kGuest{7};

class OwnPagesTest : public ::testing::Test {
  protected:
    std::byte* at(std::size_t offset) { return memory.data() + kPageSize + offset; }

    alignas(kPageSize) std::array<std::byte, 4 * kPageSize> memory{};
    // The second and the third page.
    GrantedPages pages{
        std::span{memory}.subspan(kPageSize, 2 * kPageSize), {GrantRef{31}, GrantRef{47}}};
};

TEST_F(OwnPagesTest, WhatLiesInOnePageHasAPlace)
{
    const auto first = pages.place(at(0), kPageSize);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->ref, GrantRef{31});
    EXPECT_EQ(first->offset, 0);
    const auto last = pages.place(at(2 * kPageSize - 1), 1);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->ref, GrantRef{47});
    EXPECT_EQ(last->offset, kPageSize - 1);
}

TEST_F(OwnPagesTest, WhatCrossesAPageOrLiesElsewhereHasNone)
{
    EXPECT_FALSE(pages.place(at(1), kPageSize));
    EXPECT_FALSE(pages.place(at(kPageSize - 1), 2));
    EXPECT_FALSE(pages.place(at(0) - 1, 1));
    EXPECT_FALSE(pages.place(at(2 * kPageSize), 1));
    EXPECT_FALSE(GrantedPages{}.place(at(0), 1));
}

TEST_F(OwnPagesTest, ACopyFromTheGuestNamesBothSides)
{
    auto copy = GrantCopy::from_guest(kGuest, GrantRef{9}, 40, {at(kPageSize + 100), 60});
    copy.name_local(pages);
    const auto& raw = copy.raw();
    EXPECT_EQ(raw.flags, GNTCOPY_source_gref | GNTCOPY_dest_gref);
    EXPECT_EQ(raw.source.foreign.ref, 9u);
    EXPECT_EQ(raw.source.foreign.offset, 40);
    EXPECT_EQ(raw.source.foreign.domid, kGuest.value);
    EXPECT_EQ(raw.dest.foreign.ref, 47u);
    EXPECT_EQ(raw.dest.foreign.offset, 100);
    EXPECT_EQ(raw.dest.foreign.domid, DOMID_SELF);
    EXPECT_EQ(raw.len, 60);
}

TEST_F(OwnPagesTest, ACopyToTheGuestNamesBothSides)
{
    auto copy = GrantCopy::to_guest(kGuest, GrantRef{9}, 8, std::span{at(0), 16});
    copy.name_local(pages);
    const auto& raw = copy.raw();
    EXPECT_EQ(raw.flags, GNTCOPY_source_gref | GNTCOPY_dest_gref);
    EXPECT_EQ(raw.dest.foreign.ref, 9u);
    EXPECT_EQ(raw.dest.foreign.domid, kGuest.value);
    EXPECT_EQ(raw.source.foreign.ref, 31u);
    EXPECT_EQ(raw.source.foreign.offset, 0);
    EXPECT_EQ(raw.source.foreign.domid, DOMID_SELF);
}

TEST_F(OwnPagesTest, OtherMemoryIsLeftToTheDevice)
{
    auto copy = GrantCopy::to_guest(kGuest, GrantRef{9}, 8, std::span{memory.data(), 16});
    copy.name_local(pages);
    EXPECT_EQ(copy.raw().flags, GNTCOPY_dest_gref);
    EXPECT_EQ(copy.raw().source.virt, memory.data());
}

// Xen, as far as copies between this domain's own grants go.
class SelfCopies : public GrantTable {
  public:
    explicit SelfCopies(GrantedPages pages) : pages_{std::move(pages)} {}

    Outcome<Unit> copy(std::span<GrantCopy> ops) override
    {
        for (GrantCopy& op : ops) {
            op.name_local(ours_);
            auto& raw = op.raw();
            std::memcpy(page(raw.dest.foreign), page(raw.source.foreign), lies ? 0 : raw.len);
            raw.status = denies ? GNTST_permission_denied : GNTST_okay;
        }
        return Unit{};
    }
    bool lends() const { return !ours_.refs.empty(); }

    bool denies{}, lies{};

  protected:
    Outcome<std::span<std::byte>> map_pages(DomId, std::span<const GrantRef>) override
    {
        return Error{Code::unsupported, "no maps", {}};
    }
    void unmap_pages(std::span<std::byte>) override {}

  private:
    template <class Foreign> std::byte* page(const Foreign& at)
    {
        EXPECT_EQ(at.domid, DOMID_SELF);
        const auto found = std::ranges::find(pages_.refs, GrantRef{at.ref});
        return pages_.bytes.data() +
               static_cast<std::size_t>(found - pages_.refs.begin()) * kPageSize + at.offset;
    }

    GrantedPages pages_;
};

TEST_F(OwnPagesTest, ACopyIsTriedBeforeTheyAreUsed)
{
    SelfCopies table{pages};
    EXPECT_TRUE(table.lend(pages));
    EXPECT_TRUE(table.lends());
    EXPECT_TRUE(std::ranges::all_of(memory, [](std::byte b) { return b == std::byte{}; }))
        << "nothing is left of it";
}

TEST_F(OwnPagesTest, WhereTheHypervisorRefusesTheyAreNotUsed)
{
    SelfCopies table{pages};
    table.denies = true;
    const auto refused = table.lend(pages);
    ASSERT_FALSE(refused);
    EXPECT_NE(
        refused.error().what.find(std::to_string(GNTST_permission_denied)), std::string::npos
    );
    EXPECT_FALSE(table.lends());
    table.denies = false;
    table.lies = true;
    EXPECT_FALSE(table.lend(pages)) << "done, but nothing was copied";
    EXPECT_FALSE(table.lends());
}

TEST_F(OwnPagesTest, ADeviceThatGrantsNothingIsAnError)
{
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const UniqueFd one{ends[0]}, other{ends[1]};
    EXPECT_FALSE(OwnPages::grant(one.get(), kDom0, 4));
    EXPECT_FALSE(OwnPages::grant(one.get(), kDom0, 0));
    EXPECT_FALSE(OwnPages::grant(one.get(), kDom0, OwnPages::kMost + 1));
}

} // namespace
} // namespace zocalo::xen
