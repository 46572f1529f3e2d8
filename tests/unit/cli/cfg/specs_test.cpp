// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/channel_spec.hpp"
#include "cli/cfg/cpu_list.hpp"
#include "cli/cfg/disk_spec.hpp"
#include "cli/cfg/nearest.hpp"
#include "cli/cfg/vif_spec.hpp"

#include <gtest/gtest.h>

namespace zocalo::cli::cfg {
namespace {

std::string text_of(const DiskSpec& s)
{
    std::string out =
        s.target.value_or("(none)") + "|" + s.format + "|" + s.vdev.value_or("") + "|";
    out += s.readwrite ? "rw" : "ro";
    if (s.cdrom)
        out += "|cdrom";
    if (!s.script.empty())
        out += "|script=" + s.script;
    if (!s.backendtype.empty())
        out += "|" + s.backendtype;
    if (s.discard)
        out += *s.discard ? "|discard" : "|no-discard";
    if (s.trusted)
        out += *s.trusted ? "|trusted" : "|untrusted";
    return s.direct_io_safe ? out + "|direct-io-safe" : out;
}

TEST(DiskSpec, ReadsEachFormOfTheGrammar)
{
    const std::pair<const char*, const char*> cases[] = {
        {"/dev/vg/g,,hda", "/dev/vg/g|raw|hda|rw"},
        {"/dev/vg/g,raw,hda,rw", "/dev/vg/g|raw|hda|rw"},
        {"format=raw, vdev=hda, access=rw, target=/dev/vg/g", "/dev/vg/g|raw|hda|rw"},
        {"raw:/dev/vg/g,hda,w", "/dev/vg/g|raw|hda|rw"},
        {"/x.iso,,hdc,cdrom", "/x.iso|raw|hdc|ro|cdrom"},
        {"/x.iso,,hdc,,cdrom", "/x.iso|raw|hdc|ro|cdrom"},
        {"/x.iso,raw,hdc,devtype=cdrom", "/x.iso|raw|hdc|ro|cdrom"},
        {"raw:/x.iso,hdc:cdrom,ro", "/x.iso|raw|hdc|ro|cdrom"},
        {"devtype=cdrom,,,hdc", "|empty|hdc|ro|cdrom"},
        {",,hdc:cdrom,r", "|empty|hdc|ro|cdrom"},
        {",hdc:cdrom,r", "|empty|hdc|ro|cdrom"},
        {",empty,hdc:cdrom,r", "|empty|hdc|ro|cdrom"},
        {"vdev=hdc,access=r,devtype=cdrom,target=", "|empty|hdc|ro|cdrom"},
        {"vdev=hdc,access=r,devtype=cdrom", "(none)|empty|hdc|ro|cdrom"},
        {"backendtype=phy,vdev=xvdb,access=w,target=/d", "/d|raw|xvdb|rw|phy"},
        {"vdev=xvda,script=block-iscsi,target=iqn.2001:a,b",
         "iqn.2001:a,b|raw|xvda|rw|script=block-iscsi"},
        {"iscsi:iqn.2001-05.com.x:0-8,xvda,w",
         "iqn.2001-05.com.x:0-8|raw|xvda|rw|script=block-iscsi"},
        {"drbd:app01,hda,w", "app01|raw|hda|rw|script=block-drbd"},
        {"file:/a.img,xvda,r", "/a.img|raw|xvda|ro"},
        {"tap:qcow2:/a,xvda,w", "/a|qcow2|xvda|rw"},
        {"tap2:aio:/a,xvda,w", "/a|raw|xvda|rw"},
        {"/a,qcow2,xvda,w,discard", "/a|qcow2|xvda|rw|discard"},
        {"no-discard,untrusted,direct-io-safe,vdev=sda1,target=/a,b,",
         "/a,b|raw|sda1|rw|no-discard|untrusted|direct-io-safe"},
        {"vdev=xvda, \t target=/a", "/a|raw|xvda|rw"},
        {"/a,raw,xvda,w,", "/a|raw|xvda|rw"},
        {"/a,raw,51712,w", "/a|raw|51712|rw"},
        {"trusted,/a,,xvda", "/a|raw|xvda|rw|trusted"}};
    for (const auto& [text, expected] : cases) {
        const std::string piece = text;
        const auto spec = parse_disk_spec({&piece, 1});
        ASSERT_TRUE(spec) << text << ": " << describe(spec.error());
        EXPECT_EQ(text_of(*spec), expected) << text;
    }
}

TEST(DiskSpec, RefusesWhatIsNoSpecification)
{
    for (const std::string text :
         {"",
          "foo",
          "/a,raw",
          "/a,badformat,xvda,w",
          "/a,raw,xvda,x",
          "/a,raw,xvda,w,more",
          "/a=b,raw,xvda",
          "vdev=xvda",
          "vdev=xvda,vdev=xvdb,target=/a",
          "format=raw,format=qcow2,vdev=xvda,target=/a",
          "raw:qcow2:/a,xvda,w",
          "foo:/a,xvda,w",
          "devtype=floppy,vdev=xvda,target=/a",
          "backendtype=nfs,vdev=xvda,target=/a",
          "unknown=1,vdev=xvda,target=/a",
          "unknown=long,vdev=xvda,target=/a",
          "grant_usage=2,vdev=xvda,target=/a",
          "colo-port=0,vdev=xvda,target=/a",
          "raw:/x,hdc:floppy,r"})
        EXPECT_FALSE(parse_disk_spec({&text, 1})) << text;
}

TEST(DiskSpec, SeveralPiecesAreOneSpecification)
{
    const std::vector<std::string> pieces{"vdev=hda", "access=r", "target=/a"};
    const auto spec = parse_disk_spec(pieces);
    ASSERT_TRUE(spec);
    EXPECT_EQ(text_of(*spec), "/a|raw|hda|ro");
}

TEST(DiskSpec, BareTargetsAreLookedForInDev)
{
    std::vector<std::string> warnings;
    const std::string text = "vg/guest,,xvda,w,specification=virtio";
    const auto config = to_config(*parse_disk_spec({&text, 1}), warnings);
    EXPECT_EQ(config.target, "/dev/vg/guest");
    EXPECT_EQ(warnings.size(), 1U);
}

TEST(VifSpec, ReadsEachArgument)
{
    std::vector<std::string> warnings;
    const std::string text = " mac=0:16:3e:1:2:A,bridge=br0, vifname=web0,rate=10Mb/s,mtu=1400,"
                             "devid=3,untrusted,accel=1,netdev=eth0,,type=ioemu,vlan=10p/20";
    const auto nic = parse_vif_spec({&text, 1}, warnings);
    ASSERT_TRUE(nic) << describe(nic.error());
    EXPECT_EQ(nic->mac, "00:16:3e:01:02:0A");
    EXPECT_EQ(nic->bridge, "br0");
    EXPECT_EQ(nic->vifname, "web0");
    EXPECT_EQ(nic->rate, "10Mb/s");
    EXPECT_EQ(nic->limits.bytes_per_second, 1'250'000u);
    EXPECT_EQ(nic->limits.bytes_burst, 62500u);
    EXPECT_EQ(nic->mtu, 1400U);
    EXPECT_EQ(nic->devid, 3U);
    EXPECT_EQ(nic->gatewaydev, "eth0");
    EXPECT_EQ(nic->type, "ioemu");
    EXPECT_EQ(nic->vlan, "10p/20");
    EXPECT_FALSE(nic->trusted);
    EXPECT_EQ(warnings.size(), 2U); // accel, netdev
}

TEST(VifSpec, FlagsOfTheBridgesPortAreOurs)
{
    std::vector<std::string> warnings;
    const std::string text = "isolated,no-learning, no-flood";
    const auto nic = parse_vif_spec({&text, 1}, warnings);
    ASSERT_TRUE(nic) << describe(nic.error());
    EXPECT_TRUE(nic->isolated);
    EXPECT_FALSE(nic->learning);
    EXPECT_FALSE(nic->flood);
    const rpc::NicConfig plain;
    EXPECT_TRUE(!plain.isolated && plain.learning && plain.flood);
}

TEST(VifSpec, SwitchesOfOffloadsAreOurs)
{
    std::vector<std::string> warnings;
    const std::string text = "no-sg,no-gso,no-csum";
    const auto nic = parse_vif_spec({&text, 1}, warnings);
    ASSERT_TRUE(nic) << describe(nic.error());
    EXPECT_FALSE(nic->scatter_gather || nic->segmentation || nic->checksums);
    const std::string back = "no-csum,csum";
    EXPECT_TRUE(parse_vif_spec({&back, 1}, warnings)->checksums);
}

TEST(ChannelSpec, ReadsEachArgumentAndRefusesOthers)
{
    const auto channel = parse_channel_spec("connection=socket, path=/a/b ,name=org.x");
    ASSERT_TRUE(channel) << describe(channel.error());
    EXPECT_EQ(channel->connection, "socket");
    EXPECT_EQ(channel->path, "/a/b");
    EXPECT_EQ(channel->name, "org.x");
    for (const char* text : {"socket", "kind=tcp", "name"})
        EXPECT_FALSE(parse_channel_spec(text)) << text;
    EXPECT_FALSE(parse_channel_spec("name=" + std::string(2000, 'x')));
}

TEST(VifSpec, AnUnknownArgumentIsAnError)
{
    std::vector<std::string> warnings;
    for (const std::string text :
         {"foo=1",
          "foo",
          "mac=1:2:3",
          "mac=00:16:3e:00:00:00:00",
          "mac=zz:16:3e:0:0:1",
          "mtu=x",
          "devid=256",
          "type=e1000",
          "rate=fast",
          "vlan=ten"})
        EXPECT_FALSE(parse_vif_spec({&text, 1}, warnings)) << text;
    const std::string nothing;
    EXPECT_EQ(*parse_vif_spec({&nothing, 1}, warnings), rpc::NicConfig{});
}

TEST(VifSpec, RatesFollowTheManual)
{
    EXPECT_EQ(*parse_rate("10Mb/s"), (VifRate{62500, 50000}));
    EXPECT_EQ(*parse_rate("250KB/s"), (VifRate{12500, 50000}));
    EXPECT_EQ(*parse_rate("1MB/s@20ms"), (VifRate{20000, 20000}));
    EXPECT_EQ(*parse_rate("1GB/s@1s"), (VifRate{1'000'000'000, 1'000'000}));
    EXPECT_EQ(*parse_rate("8b/s@1000000us"), (VifRate{1, 1'000'000}));
    for (const char* text :
         {"",
          "10",
          "10M",
          "10Mb",
          "0Mb/s",
          "-1Mb/s",
          "10Tb/s",
          "10Mb/s@",
          "10Mb/s@0s",
          "10Mb/s@1h",
          "99999999999B/s",
          "4294967295GB/s@4000s",
          "10Mb/s@9999999s",
          "x10Mb/s"})
        EXPECT_FALSE(parse_rate(text)) << text;
}

TEST(CpuList, AcceptsXlsGrammarAndNothingElse)
{
    for (const char* text : {"all", "0", "0-3", "0-3,^1", "nodes:0-1,^node:1", "node:all", "2,5-7"})
        EXPECT_TRUE(check_cpu_list(text)) << text;
    for (const char* text : {"", "^all", "3-1", "a", "0-", "-1", "0,,1", "0 1", "99999", "nodes:"})
        EXPECT_FALSE(check_cpu_list(text)) << text;
}

TEST(Nearest, SuggestsWhatWasProbablyMeant)
{
    const std::vector<std::string_view> known{"memory", "maxmem", "vcpus", "maxvcpus"};
    EXPECT_EQ(nearest("memroy", known), "memory");
    EXPECT_EQ(nearest("vcpu", known), "vcpus");
    EXPECT_EQ(nearest("colour", known), "");
    EXPECT_EQ(edit_distance("ab", "ba"), 1U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

} // namespace
} // namespace zocalo::cli::cfg
