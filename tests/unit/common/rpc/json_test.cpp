// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/json.hpp"
#include "common/rpc/views.hpp"

#include <gtest/gtest.h>

namespace zocalo::rpc {
namespace {

TEST(Json, AConfigurationSurvivesTheRoundTrip)
{
    DomainConfig config;
    config.name = "web";
    config.type = GuestType::pvh;
    config.disks.push_back(DiskConfig{.target = "/x.img", .vdev = "xvda"});
    config.nics.push_back(NicConfig{.mac = "00:16:3e:00:00:01", .mtu = 1400});
    config.sched.weight = 512;
    const auto back = from_json<DomainConfig>(to_json(config), "config");
    ASSERT_TRUE(back) << describe(back.error());
    EXPECT_EQ(*back, config);
}

TEST(Json, AMissingKeyKeepsItsDefault)
{
    const auto read = from_json<DomainConfig>(*parse(R"({"name": "a"})"), "config");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->memory_mib, 128U);
}

TEST(Json, ErrorsNameThePlace)
{
    const auto wrong = from_json<DomainConfig>(*parse(R"({"disks": [{}, {"vdev": 7}]})"), "config");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().what, "config.disks[1].vdev: expected a string");
    const auto unknown = from_json<DomainConfig>(*parse(R"({"disks": [{"size": 7}]})"), "config");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().what, "config.disks[0].size: unknown key");
}

TEST(Json, NumbersOutOfRangeAreRefused)
{
    EXPECT_FALSE(from_json<DomainConfig>(*parse(R"({"vcpus": -1})"), ""));
    EXPECT_FALSE(from_json<DomainConfig>(*parse(R"({"vcpus": 4294967296})"), ""));
    EXPECT_FALSE(from_json<DomainConfig>(*parse(R"({"vcpus": 1.5})"), ""));
}

TEST(Json, WordsOutsideAnEnumAreRefused)
{
    EXPECT_FALSE(from_json<DomainConfig>(*parse(R"({"type": "vm"})"), ""));
    EXPECT_EQ(from_json<DomainConfig>(*parse(R"({"type": "pvh"})"), "")->type, GuestType::pvh);
}

TEST(Json, TooDeepNestingIsAnErrorNotACrash)
{
    EXPECT_FALSE(parse(std::string(100000, '[')));
}

} // namespace
} // namespace zocalo::rpc
