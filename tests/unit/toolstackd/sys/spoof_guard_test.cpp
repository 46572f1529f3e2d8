// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/sys/network_namespace.hpp"
#include "toolstackd/sys/spoof_guard.hpp"

#include <gmock/gmock.h>

namespace zocalo::toolstack {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMac = "00:16:3e:01:02:03";

TEST(SpoofGuardText, AddressesAreSortedOutAndCheckedBeforeTheyBecomePartOfACommand)
{
    const auto guard = make_guard("vif3.0", kMac, " 10.0.0.2  fd00::2 10.1.0.0/16 ", false);
    ASSERT_TRUE(guard) << describe(guard.error());
    EXPECT_THAT(guard->ipv4, ElementsAre("10.0.0.2", "10.1.0.0/16"));
    EXPECT_THAT(guard->ipv6, ElementsAre("fd00::2"));
    for (const char* bad :
         {"10.0.0", "10.0.0.2/33", "10.0.0.2/", "fd00::/129", "x", "1.2.3.4}", "1.2.3.4/8x"})
        EXPECT_FALSE(make_guard("vif3.0", kMac, bad, false)) << bad;
    EXPECT_FALSE(make_guard("vif\"0", kMac, "10.0.0.2", false));
    EXPECT_FALSE(make_guard("vif;0", kMac, "10.0.0.2", false));
}

TEST(SpoofGuardText, WithoutAnAddressOfAFamilyNoneOfItPasses)
{
    const std::string text = guard_commands(*make_guard("vif3.0", kMac, "fd00::2", false));
    EXPECT_THAT(text, HasSubstr("port-vif3.0 ether type ip drop"));
    EXPECT_THAT(text, HasSubstr("{ ::, fe80::/10, fd00::2 }"));
    EXPECT_THAT(
        text,
        HasSubstr("nd-neighbor-advert @th,64,128 != { 0xfe800000000000000000000000000000"
                  "-0xfebfffffffffffffffffffffffffffff, "
                  "0xfd000000000000000000000000000002 } drop")
    );
    EXPECT_THAT(text, HasSubstr("8021q"));
    EXPECT_THAT(guard_commands(*make_guard("vif3.0", kMac, "", true)), Not(HasSubstr("8021q")));
}

using SpoofGuardInKernel = NetworkNamespace;

TEST_F(SpoofGuardInKernel, ComesGoesAndMayBeRepeated)
{
    const auto guard = make_guard("vif3.0", kMac, "10.0.0.2 10.1.0.0/16 fd00::2 fd01::/64", false);
    const auto first = guard_port(*guard);
    if (!first && first.error().what.find("not supported") != std::string::npos)
        GTEST_SKIP() << "this kernel has no nftables for bridges: " << first.error().what;
    ASSERT_TRUE(first) << describe(first.error());
    const auto again = guard_port(*guard);
    EXPECT_TRUE(again) << describe(again.error());
    for (const char* link : {"vif3.0", "vif3.0", "vif9.9"}) {
        const auto gone = unguard_port(link);
        EXPECT_TRUE(gone) << link << ": " << describe(gone.error());
    }
}

} // namespace
} // namespace zocalo::toolstack
