// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/own_grants.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;

class OwnGrantsTest : public ::testing::Test {
  protected:
    OwnGrantsTest()
    {
        std::array<char, 32> name{"/tmp/zocalo-limit-XXXXXX"};
        folder = ::mkdtemp(name.data());
    }
    ~OwnGrantsTest() override { fs::remove_all(folder); }
    std::string parameter() const { return folder / "limit"; }
    void set(unsigned limit) const { std::ofstream{parameter()} << limit << '\n'; }
    unsigned limit() const
    {
        unsigned found = 0;
        std::ifstream{parameter()} >> found;
        return found;
    }

    fs::path folder;
};

TEST_F(OwnGrantsTest, TheModulesDefaultIsRaised)
{
    set(1024);
    EXPECT_TRUE(raise_own_grants(parameter()));
    EXPECT_EQ(limit(), kOwnGrants);
}

TEST_F(OwnGrantsTest, WhatAnAdministratorRaisedFurtherStays)
{
    set(kOwnGrants + 1);
    EXPECT_TRUE(raise_own_grants(parameter()));
    EXPECT_EQ(limit(), kOwnGrants + 1);
}

TEST_F(OwnGrantsTest, WithoutTheModuleItSaysHowToGetIt)
{
    const auto raised = raise_own_grants(parameter());
    ASSERT_FALSE(raised);
    EXPECT_THAT(raised.error().what, ::testing::HasSubstr(parameter()));
    EXPECT_EQ(raised.error().next, "modprobe xen-gntalloc");
}

} // namespace
} // namespace zocalo::toolstack
