// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/vlan_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zocalo::rpc {
namespace {

using testing::ElementsAre;

TEST(VlanSpec, EveryFormIsRead)
{
    EXPECT_THAT(*parse_vlans("7"), ElementsAre(VlanRange{7, 7, false, false}));
    EXPECT_THAT(
        *parse_vlans("10p/20/30-40u/100+10x4"),
        ElementsAre(
            VlanRange{10, 10, true, true},
            VlanRange{20, 20, false, false},
            VlanRange{30, 40, false, true},
            VlanRange{100, 100, false, false},
            VlanRange{110, 110, false, false},
            VlanRange{120, 120, false, false},
            VlanRange{130, 130, false, false}
        )
    );
    EXPECT_THAT(*parse_vlans("4094p"), ElementsAre(VlanRange{4094, 4094, true, true}));
}

TEST(VlanSpec, NonsenseIsNamed)
{
    for (const char* text :
         {"",
          "0",
          "4095",
          "10/",
          "/10",
          "10-5",
          "10-",
          "10+",
          "10+5",
          "10+5x",
          "4000+50x3",
          "10q",
          "10pp",
          "10-20p",
          "5+5x2p",
          "1p/2p",
          "99999999999",
          "1 ",
          "-1"}) {
        const auto vlans = parse_vlans(text);
        ASSERT_FALSE(vlans) << text;
        EXPECT_EQ(vlans.error().code, Code::usage);
    }
}

} // namespace
} // namespace zocalo::rpc
