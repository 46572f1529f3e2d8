// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/domain_config.hpp"

#include <gtest/gtest.h>

namespace zocalo::rpc {
namespace {

DomainConfig small()
{
    DomainConfig config;
    config.name = "web";
    config.kernel = "/boot/vmlinuz";
    return config;
}

TEST(DeviceNumber, FollowsXenVbdInterface)
{
    EXPECT_EQ(*device_number("xvda"), 0xca00U);
    EXPECT_EQ(*device_number("xvdb3"), 0xca13U);
    EXPECT_EQ(*device_number("xvdp15"), 0xcaffU);
    EXPECT_EQ(*device_number("xvdq"), (1U << 28) | (16U << 8));
    EXPECT_EQ(*device_number("xvdaa1"), (1U << 28) | (26U << 8) | 1U);
    EXPECT_EQ(*device_number("sdb1"), (8U << 8) | 17U);
    EXPECT_EQ(*device_number("hdc"), 22U << 8);
    EXPECT_EQ(*device_number("d2p3"), 0xca23U);
    EXPECT_EQ(*device_number("51712"), 51712U);
}

TEST(DeviceNumber, RefusesEverythingElse)
{
    for (const char* text :
         {"",
          "xvd",
          "xvda0",
          "xvda1x",
          "vda",
          "hde",
          "sdq",
          "d1",
          "d1p",
          "99999999999",
          "xvdzzzzzz"})
        EXPECT_FALSE(device_number(text)) << text;
}

TEST(Resolve, FillsDefaultsAndDeviceNumbers)
{
    DomainConfig config = small();
    config.disks.push_back(DiskConfig{.target = "/a", .vdev = "xvda"});
    config.nics.resize(2);
    config.nics[0].devid = 1;
    const auto out = resolve(config);
    ASSERT_TRUE(out) << describe(out.error());
    EXPECT_EQ(out->maxmem_mib, out->memory_mib);
    EXPECT_EQ(out->disks[0].devid, 0xca00U);
    EXPECT_EQ(out->nics[1].devid, 0U);
}

TEST(Resolve, RefusesWhatCannotWork)
{
    auto refused = [](auto change) {
        DomainConfig config = small();
        change(config);
        return !resolve(config);
    };
    EXPECT_TRUE(refused([](auto& c) { c.name = "42"; }));
    EXPECT_TRUE(refused([](auto& c) { c.name = "a/b"; }));
    EXPECT_TRUE(refused([](auto& c) { c.memory_mib = 0; }));
    EXPECT_TRUE(refused([](auto& c) { c.vcpus = 0; }));
    EXPECT_TRUE(refused([](auto& c) {
        c.vcpus = 4;
        c.maxvcpus = 2;
    }));
    EXPECT_TRUE(refused([](auto& c) { c.kernel = "vmlinuz"; }));
    EXPECT_TRUE(refused([](auto& c) {
        c.nics.resize(1);
        c.nics[0].mac = "01:00:00:00:00:00";
    }));
    EXPECT_TRUE(refused([](auto& c) {
        c.disks.assign(2, DiskConfig{.target = "/a", .vdev = "xvda"});
    }));
    EXPECT_TRUE(refused([](auto& c) { c.cmdline = std::string(2000, 'x'); }));
}

TEST(Resolve, ChannelsGetNumbersFromOneAndAreChecked)
{
    const ChannelConfig socket{.name = "agent", .connection = "socket", .path = "/run/agent.sock"};
    const ChannelConfig pty{.name = "log", .connection = "pty", .path = {}};
    DomainConfig config = small();
    config.channels = {socket, pty};
    config.channels[0].devid = 2;
    const auto out = resolve(config);
    ASSERT_TRUE(out) << describe(out.error());
    EXPECT_EQ(out->channels[0].devid, 2U);
    EXPECT_EQ(out->channels[1].devid, 1U);
    const auto refused = [&](auto change) {
        DomainConfig wrong = small();
        wrong.channels = {socket, pty};
        change(wrong.channels);
        return !resolve(wrong);
    };
    EXPECT_TRUE(refused([](auto& c) { c[0].name.clear(); }));
    EXPECT_TRUE(refused([](auto& c) { c[0].connection = "tcp"; }));
    EXPECT_TRUE(refused([](auto& c) { c[0].path = "agent.sock"; }));
    EXPECT_TRUE(refused([](auto& c) { c[0].path = "/" + std::string(107, 'x'); }));
    EXPECT_TRUE(refused([](auto& c) { c[1].path = "/dev/pts/1"; }));
    EXPECT_TRUE(refused([](auto& c) { c[1].name = "agent"; }));
    EXPECT_TRUE(refused([](auto& c) { c[1].devid = 10; }));
    EXPECT_TRUE(refused([](auto& c) { c[0].devid = c[1].devid = 3; }));
    EXPECT_TRUE(refused([](auto& c) { c[1].backend = "storage"; }));
    EXPECT_TRUE(refused([&](auto& c) { c.assign(10, pty); }));
}

TEST(Resolve, AGroupOfDisksHasOneLimit)
{
    DomainConfig config = small();
    config.disks = {
        {.target = "/a", .vdev = "xvda", .limits = {.bytes_per_second = 1, .group = "g"}},
        {.target = "/b", .vdev = "xvdb", .limits = {.bytes_per_second = 1, .group = "g"}}};
    EXPECT_TRUE(resolve(config));
    config.disks[1].limits.bytes_per_second = 2;
    EXPECT_FALSE(resolve(config));
    config.disks[1].limits.group = std::string(49, 'g');
    EXPECT_FALSE(resolve(config));
}

} // namespace
} // namespace zocalo::rpc
