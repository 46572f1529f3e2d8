// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/sys/network_namespace.hpp"
#include "toolstackd/sys/link.hpp"

#include <gmock/gmock.h>

#include <array>

namespace zocalo::toolstack {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using LinkList = NetworkNamespace;
using TapDevice = NetworkNamespace;

TEST(LinkName, IsWhatTheKernelTakes)
{
    EXPECT_TRUE(valid_link_name("vif1.0"));
    EXPECT_TRUE(valid_link_name("a23456789012345"));
    EXPECT_FALSE(valid_link_name("a234567890123456"));
    for (const char* bad : {"", ".", "..", "a/b", "a b", "a:b", "a\n"})
        EXPECT_FALSE(valid_link_name(bad)) << bad;
}

TEST(TapName, FollowsXlsPattern)
{
    EXPECT_EQ(tap_name(12, 3), "vif12.3");
}

TEST(NetlinkAttributes, LyingLengthsEndTheSearch)
{
    struct {
        nlattr header;
        std::array<std::byte, 4> value;
    } raw{{8, 3}, {}};
    const std::span bytes{reinterpret_cast<const std::byte*>(&raw), sizeof raw};
    EXPECT_TRUE(Attributes{bytes}.find(3));
    raw.header.nla_len = 9;
    EXPECT_FALSE(Attributes{bytes}.find(3));
    raw.header.nla_len = 3;
    EXPECT_FALSE(Attributes{bytes}.find(3));
    EXPECT_FALSE(Attributes{bytes.first(3)}.find(3));
}

TEST_F(LinkList, IsFilteredByPrefixAndLinksAreDeletedByName)
{
    make_link("vif3.0", "bridge");
    make_link("vif3.1", "bridge");
    make_link("vif31.0", "bridge");
    EXPECT_THAT(names(list_links(*netlink_, "vif3.")), ElementsAre("vif3.0", "vif3.1"));
    const auto deleted = delete_link(*netlink_, "vif3.1");
    ASSERT_TRUE(deleted) << describe(deleted.error());
    EXPECT_TRUE(*deleted);
    const auto again = delete_link(*netlink_, "vif3.1");
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_FALSE(*again);
    EXPECT_THAT(names(list_links(*netlink_, "vif")), ElementsAre("vif3.0", "vif31.0"));
}

TEST_F(LinkList, OfHundredsIsWhole)
{
    for (int i = 0; i < 300; ++i)
        make_link("vif" + std::to_string(i) + ".0", "bridge");
    EXPECT_EQ(names(list_links(*netlink_, "vif")).size(), 300u);
}

TEST_F(LinkList, FindsOnlyTheExactName)
{
    make_link("vif1.01", "bridge");
    const auto found = find_link(*netlink_, "vif1.0");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_FALSE(*found);
}

TEST_F(TapDevice, DiesWithItsLastDescriptor)
{
    {
        UniqueFd copy;
        {
            const Tap tap = make_tap("vif7.0");
            copy.reset(dup(tap.queues.at(0).get()));
        }
        EXPECT_THAT(names(list_links(*netlink_, "vif")), ElementsAre("vif7.0"));
    }
    EXPECT_THAT(names(list_links(*netlink_, "vif")), IsEmpty());
}

TEST_F(TapDevice, SecondOfTheSameNameIsAConflict)
{
    const Tap tap = make_tap("vif1.0");
    const auto second = create_tap("vif1.0");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::conflict);
    EXPECT_THAT(second.error().what, HasSubstr("vif1.0"));
}

TEST_F(TapDevice, WithSeveralQueuesHasADescriptorForEach)
{
    const auto tap = create_tap("vif1.0", 4);
    ASSERT_TRUE(tap) << describe(tap.error());
    EXPECT_EQ(tap->queues.size(), 4u);
    EXPECT_THAT(names(list_links(*netlink_, "vif")), ElementsAre("vif1.0"));
}

TEST_F(TapDevice, UnusableNamesAreRefused)
{
    for (const char* bad : {"", "a/b", "much-too-long-for-a-link"}) {
        const auto tap = create_tap(bad);
        ASSERT_FALSE(tap) << bad;
        EXPECT_EQ(tap.error().code, Code::usage);
    }
}

} // namespace
} // namespace zocalo::toolstack
