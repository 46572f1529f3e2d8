// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/extents.hpp"
#include "tests/unit/toolstackd/build/fake_xen.hpp"
#include "toolstackd/build/guest_memory.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

using namespace zocalo::test;

TEST(PopulateRange, FillsInTheMachineFramesOfEveryPage)
{
    FakeXen xen;
    std::vector<std::uint64_t> frames(3000);
    ASSERT_TRUE(populate_range(xen, DomId{1}, {Pfn{}, 3000}, xen::kOrder2M, false, &frames));
    for (std::uint64_t pfn = 0; pfn < frames.size(); ++pfn)
        ASSERT_EQ(frames[pfn], xen.mfn_of(pfn));
}

TEST(PopulateRange, TakesTwoCallsWhenTheEndIsOdd)
{
    FakeXen xen;
    ASSERT_TRUE(populate_range(xen, DomId{1}, {Pfn{}, 512 * 100 + 7}, xen::kOrder2M, false, nullptr)
    );
    EXPECT_EQ(xen.calls.size(), 2u);
}

TEST(PopulateRange, ReturnsToLargeExtentsAfterAFragmentedPlace)
{
    FakeXen xen;
    xen.translated = true;
    xen.large_extents = 3;
    ASSERT_TRUE(populate_range(xen, DomId{1}, {Pfn{}, 3 << 18}, xen::kOrder1G, false, nullptr));
    EXPECT_EQ(xen.frames.size(), 3u << 18);
    unsigned large = 0;
    for (const auto& [frame, kind] : xen.populated)
        large += kind != "0" ? 1 : 0;
    EXPECT_EQ(large, 3u);
}

TEST(PopulateRange, ReportsExhaustionOnce)
{
    FakeXen xen;
    xen.free_pages = 700;
    const auto result = populate_range(xen, DomId{1}, {Pfn{}, 2048}, xen::kOrder2M, false, nullptr);
    ASSERT_FALSE(result);
    EXPECT_EQ(xen.free_pages, 0u);
}

TEST(Ramdisk, AMissingOneIsNotFoundAndNamed)
{
    const auto ramdisk = Ramdisk::open("/no/such/ramdisk");
    ASSERT_FALSE(ramdisk);
    EXPECT_EQ(ramdisk.error().code, Code::not_found);
    EXPECT_NE(ramdisk.error().what.find("/no/such/ramdisk"), std::string::npos);
}

TEST(Window, AddressesRangesByFrame)
{
    FakeXen xen;
    std::vector<std::uint64_t> frames(64);
    ASSERT_TRUE(populate_range(xen, DomId{1}, {Pfn{}, 64}, xen::kOrder4K, false, &frames));
    {
        Window window;
        window.add({Pfn{8}, 4}, &frames);
        window.add({Pfn{40}, 2}, &frames);
        ASSERT_TRUE(window.open(xen, DomId{1}));
        EXPECT_EQ(xen.calls.back(), "map");
        EXPECT_EQ(window.at({Pfn{9}, 2}).size(), 8192u);
        std::ranges::fill(window.page(Pfn{41}), std::byte{0x42});
        EXPECT_TRUE(window.at({Pfn{11}, 2}).empty()) << "a range may not leave what was added";
    }
    EXPECT_EQ(xen.page(frames[41])[17], std::byte{0x42});
    EXPECT_EQ(xen.mapped, 0);
}

} // namespace
} // namespace zocalo::toolstack
