// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/domain_file.hpp"
#include "cli/cfg/keys.hpp"
#include "cli/config_source.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace zocalo::cli::cfg {
namespace {

constexpr const char* kSmall = "name='web'\nkernel='/boot/vmlinuz'\n";

rpc::DomainConfig config_of(const std::string& more, const ReadOptions& options = {})
{
    const auto file = read_domain_file(kSmall + more, "f", options);
    EXPECT_TRUE(file) << more << ": " << describe(file.error());
    return file ? file->config : rpc::DomainConfig{};
}

std::string error_of(const std::string& more, const ReadOptions& options = {})
{
    const auto file = read_domain_file(kSmall + more, "f", options);
    EXPECT_FALSE(file) << more;
    return file ? "" : describe(file.error());
}

TEST(DomainFile, ReadsEveryKeyThatHasAMeaning)
{
    const auto config = config_of(R"(
type = "pvh"
uuid = "01234567-89ab-cdef-0123-456789abcdef"
ramdisk = "/boot/initrd"
root = "/dev/xvda1 ro"
extra = "quiet"
memory = 0x200
maxmem = "1024"
vcpus = 2
maxvcpus = 4
cpus = "0-3,^1"
cpus_soft = ["0", 1]
pool = "Pool-1"
cpu_weight = 512
cap = 50
on_poweroff = "preserve"
on_reboot = "rename-restart"
on_crash = "coredump-restart"
on_watchdog = "restart"
max_grant_frames = 32
max_maptrack_frames = 0
max_grant_version = 1
max_event_channels = 100
tsc_mode = "native"
disk = ["/a.img,raw,xvda,w", 'format=raw,vdev=xvdb,target=/b',]
vif = ['', 'mac=00:16:3e:00:00:01,bridge=br0']
autostart = 1
autostart_order = 5
autostart_delay = 3
autostart_depends = ["db"]
)");
    EXPECT_EQ(config.type, rpc::GuestType::pvh);
    EXPECT_EQ(config.cmdline, "root=/dev/xvda1 ro quiet");
    EXPECT_EQ(config.memory_mib, 512U);
    EXPECT_EQ(config.maxmem_mib, 1024U);
    EXPECT_EQ(config.maxvcpus, 4U);
    EXPECT_EQ(config.cpus, (std::vector<std::string>{"0-3,^1"}));
    EXPECT_EQ(config.cpus_soft, (std::vector<std::string>{"0", "1", "all", "all"}));
    EXPECT_EQ(config.sched.weight, 512U);
    EXPECT_EQ(config.sched.cap, 50U);
    EXPECT_EQ(config.on_reboot, rpc::StopAction::rename_restart);
    EXPECT_EQ(config.on_crash, rpc::StopAction::coredump_restart);
    EXPECT_EQ(config.tsc_mode, rpc::TscMode::native);
    ASSERT_EQ(config.disks.size(), 2U);
    EXPECT_EQ(config.disks[1].devid, 0xca10U);
    ASSERT_EQ(config.nics.size(), 2U);
    EXPECT_EQ(config.nics[1].bridge, "br0");
    EXPECT_TRUE(config.autostart.enabled);
    EXPECT_EQ(config.autostart.depends, (std::vector<std::string>{"db"}));
}

TEST(DomainFile, WhatIsWrittenIsReadBackTheSame)
{
    auto config = config_of(
        "type='pvh'\ndisk=['vdev=xvda,untrusted,sector-size=4096,target=/a,,']\n"
        "vif=['rate=1MB/s,untrusted','bridge=br1,mtu=1400','isolated,no-flood,no-gso,no-csum']\n"
        "channel=['name=a,connection=pty','name=b, connection=socket ,path=/s']\n"
        "vcpus=2\ncpus=['0','1']\ncap=0\nextra='a=\"b\" \\\\'\nautostart=1\n"
    );
    EXPECT_EQ(config.disks[0].target, "/a,");
    EXPECT_EQ(config.disks[0].sector_size, 4096U);
    const auto again = read_domain_file(config_text(config), "again", {});
    ASSERT_TRUE(again) << describe(again.error()) << config_text(config);
    EXPECT_EQ(again->config, config) << config_text(config);
    EXPECT_TRUE(again->warnings.empty());
}

TEST(DomainFile, ErrorsNameThePlaceAndTheKey)
{
    EXPECT_EQ(error_of("memory = 'much'").substr(0, 22), "f:3:10: memory: \"much\"");
    EXPECT_NE(
        error_of("disk = 'x'").find("f:3:8: disk: expected a list of strings"), std::string::npos
    );
    EXPECT_NE(error_of("name = ['x']").find("expected a string"), std::string::npos);
    EXPECT_NE(error_of("disk = [['x']]").find("expected a list of strings"), std::string::npos);
    EXPECT_NE(error_of("on_crash = 'soft-reset'").find("is no action"), std::string::npos);
    EXPECT_NE(error_of("on_crash = 'rename_restart'").find("is no action"), std::string::npos);
    EXPECT_NE(error_of("cpus = '^all'").find("takes everything"), std::string::npos);
    EXPECT_NE(error_of("vcpus = 99999999999").find("out of range"), std::string::npos);
    EXPECT_NE(error_of("type = 'hvm'").find("not supported"), std::string::npos);
    EXPECT_NE(
        error_of("disk = ['/a,raw,vda,w']").find("not a virtual disk name"), std::string::npos
    );
}

TEST(DomainFile, OtherXlKeysWarnOnceAndStrictRefusesThem)
{
    const auto file = read_domain_file(std::string{kSmall} + "vnc=1\nvnc=0\n", "f", {});
    ASSERT_TRUE(file);
    ASSERT_EQ(file->warnings.size(), 1U);
    EXPECT_EQ(file->warnings[0], "f:4:1: vnc has no effect here");
    EXPECT_NE(error_of("vnc=1", {.strict = true}).find("--strict"), std::string::npos);
}

TEST(DomainFile, UnknownKeysWarnWithTheNearestOne)
{
    const auto file = read_domain_file(std::string{kSmall} + "memroy=512\nzzzzzzzz=1\n", "f", {});
    ASSERT_TRUE(file);
    ASSERT_EQ(file->warnings.size(), 2U);
    EXPECT_EQ(file->warnings[0], "f:3:1: unknown key memroy is ignored, did you mean memory?");
    EXPECT_EQ(file->warnings[1], "f:4:1: unknown key zzzzzzzz is ignored");
}

TEST(DomainFile, OverridesAreReadLast)
{
    const auto config = config_of(
        "memory=64\ndisk=['/a,raw,xvda,w']",
        {.overrides = {"memory=256", "name=db", "disk+=['/b,raw,xvdb,r']"}}
    );
    EXPECT_EQ(config.memory_mib, 256U);
    EXPECT_EQ(config.name, "db");
    EXPECT_EQ(config.disks.size(), 2U);
    EXPECT_NE(error_of("", {.overrides = {"memory"}}).find("command line:1"), std::string::npos);
}

TEST(DomainFile, RelativeKernelPathsStartAtTheBaseDirectory)
{
    const auto config = config_of("kernel='vmlinuz'", {.overrides = {}, .base_directory = "/srv"});
    EXPECT_EQ(config.kernel, "/srv/vmlinuz");
}

TEST(DomainFile, TheExamplesThatAreInstalledAreAccepted)
{
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{ZOCALO_EXAMPLES}) {
        const auto text = read_file(entry.path().string(), 65536);
        ASSERT_TRUE(text);
        const auto file = read_domain_file(*text, entry.path().string(), {.strict = true});
        EXPECT_TRUE(file) << describe(file.error());
        ++count;
    }
    EXPECT_GE(count, 2);
}

TEST(Keys, AllOfXlsKeysAreKnown)
{
    std::set<std::string_view> xl_keys;
    for (const Key& key : keys())
        if (!key.name.starts_with("autostart"))
            xl_keys.insert(key.name);
    for (const std::string_view name : keys_without_effect())
        EXPECT_TRUE(xl_keys.insert(name).second) << name << " is listed twice";
    EXPECT_EQ(xl_keys.size(), 170U);
    for (const Key& key : keys())
        EXPECT_FALSE(key.help.empty()) << key.name;
}

} // namespace
} // namespace zocalo::cli::cfg
