// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/built_guest.hpp"
#include "toolstackd/build/builder.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

using namespace zocalo::test;

class Errors : public testing::TestWithParam<bool> {};

TEST_P(Errors, EveryFailingCallEndsTheBuildWithNothingMapped)
{
    std::size_t calls = 0;
    {
        BuiltGuest guest{GetParam()};
        ASSERT_TRUE(guest.run());
        calls = guest.xen.calls.size();
    }
    ASSERT_GT(calls, 10u);
    for (std::size_t k = 0; k < calls; ++k) {
        BuiltGuest guest{GetParam()};
        guest.xen.fail_at = static_cast<int>(k);
        const auto built = guest.run();
        ASSERT_FALSE(built) << "call " << k;
        EXPECT_EQ(built.error().what, "the fake failed as told");
        EXPECT_EQ(guest.xen.mapped, 0);
        const std::size_t after = guest.xen.destroyed ? 2 : 1; // a failed create cleans up
        EXPECT_EQ(guest.xen.calls.size(), k + after) << "nothing may follow the failure";
    }
}

TEST_P(Errors, ARefusedLimitDestroysTheNewDomain)
{
    BuiltGuest guest{GetParam()};
    guest.xen.fail_at = 2;
    EXPECT_FALSE(create_domain(guest.xen, guest.spec));
    EXPECT_TRUE(guest.xen.destroyed);
}

TEST_P(Errors, TooLittleHostMemorySaysSo)
{
    BuiltGuest guest{GetParam()};
    guest.xen.free_pages = 1000;
    const auto built = guest.run();
    ASSERT_FALSE(built);
    EXPECT_NE(built.error().what.find("not enough free memory"), std::string::npos);
}

TEST_P(Errors, FragmentedHostMemoryIsUsedPageByPage)
{
    for (const std::uint64_t large : {0u, 1u, 5u}) {
        BuiltGuest guest{GetParam()};
        guest.xen.large_extents = large;
        const auto built = guest.run();
        ASSERT_TRUE(built) << describe(built.error());
        EXPECT_TRUE(kernel_is_loaded(guest));
    }
}

TEST_P(Errors, BadFilesAreNamed)
{
    BuiltGuest guest{GetParam()};
    guest.spec.ramdisk = "/no/such/initrd";
    auto built = guest.run();
    ASSERT_FALSE(built);
    EXPECT_NE(built.error().what.find("/no/such/initrd"), std::string::npos);
    BuiltGuest folder{GetParam()};
    folder.spec.ramdisk = folder.scratch.path().string();
    EXPECT_FALSE(folder.run());
    BuiltGuest kernel{GetParam()};
    kernel.spec.kernel = "/no/such/kernel";
    built = kernel.run();
    ASSERT_FALSE(built);
    EXPECT_NE(built.error().what.find("/no/such/kernel"), std::string::npos);
    EXPECT_TRUE(kernel.xen.frames.empty()) << "files are checked before memory is taken";
}

TEST_P(Errors, AnEmptyOrMissingRamdiskIsFine)
{
    BuiltGuest guest{GetParam()};
    guest.spec.ramdisk.clear();
    EXPECT_TRUE(guest.run());
    BuiltGuest empty{GetParam()};
    empty.spec.ramdisk = empty.scratch.write("empty", {});
    EXPECT_TRUE(empty.run());
}

TEST_P(Errors, ATooSmallGuestIsRefusedWithTheReason)
{
    BuiltGuest guest{GetParam()};
    guest.spec.memory_mib = 8;
    const auto built = guest.run();
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, Code::usage);
    EXPECT_NE(built.error().what.find("too small"), std::string::npos) << built.error().what;
    EXPECT_TRUE(guest.xen.frames.empty());
}

TEST_P(Errors, ImpossibleSpecificationsAreRefusedBeforeAnyCall)
{
    const auto refused = [](auto change) {
        BuiltGuest guest{GetParam()};
        change(guest.spec);
        const auto id = create_domain(guest.xen, guest.spec);
        return !id && id.error().code == Code::usage && guest.xen.calls.empty();
    };
    EXPECT_TRUE(refused([](GuestSpec& s) { s.kernel.clear(); }));
    EXPECT_TRUE(refused([](GuestSpec& s) { s.memory_mib = 0; }));
    EXPECT_TRUE(refused([](GuestSpec& s) { s.maxmem_mib = s.memory_mib - 1; }));
    EXPECT_TRUE(refused([](GuestSpec& s) { s.maxmem_mib = ~0ULL; }));
    EXPECT_TRUE(refused([](GuestSpec& s) { s.maxvcpus = 0; }));
    EXPECT_TRUE(refused([](GuestSpec& s) { s.maxvcpus = 1000; }));
}

INSTANTIATE_TEST_SUITE_P(Types, Errors, testing::Bool(), [](const auto& row) {
    return row.param ? "pvh" : "pv";
});

} // namespace
} // namespace zocalo::toolstack
