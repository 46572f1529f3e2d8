// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/console/log.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

#include <xen/errno.h>
#include <xen/physdev.h>

namespace zocalo::hv {
namespace {

using SysctlTest = SystemFixture;

TEST_F(SysctlTest, VersionsAndCommandsThatAreNotOursAreRefused)
{
    xen_sysctl op{};
    for (const std::uint32_t cmd : {0U, 2U, 5U, 22U, 27U, 30U, ~0U})
        EXPECT_EQ(sysctl(op, cmd), minus(Errno::nosys)) << cmd;
    op.cmd = XEN_SYSCTL_physinfo;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION - 1;
    put(kArgument, op);
    EXPECT_EQ(make(__HYPERVISOR_sysctl, {kArgument}), minus(Errno::acces));
    EXPECT_EQ(make(__HYPERVISOR_sysctl, {kWild}), minus(Errno::fault));
}

TEST_F(SysctlTest, TheMachineIsDescribed)
{
    system.cpu_count = 2;
    xen_sysctl op{};
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_physinfo), 0);
    EXPECT_EQ(op.u.physinfo.nr_cpus, 2U);
    EXPECT_EQ(op.u.physinfo.cpu_khz, 2'000'000U);
    EXPECT_EQ(op.u.physinfo.free_pages, free_frames());
    EXPECT_NE(op.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv, 0U);
    op = {};
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_cputopoinfo), 0) << "no buffer: only how many";
    EXPECT_EQ(op.u.cputopoinfo.num_cpus, 2U);
    point(op.u.cputopoinfo.cputopo, kBuffer);
    op.u.cputopoinfo.num_cpus = ~0U;
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_cputopoinfo), 0);
    EXPECT_EQ(op.u.cputopoinfo.num_cpus, 2U);
    EXPECT_EQ(get<xen_sysctl_cputopo>(kBuffer + sizeof(xen_sysctl_cputopo)).core, 1U);
    op = {};
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_numainfo), 0);
    EXPECT_EQ(op.u.numainfo.num_nodes, 1U);
}

TEST_F(SysctlTest, DomainsAreListedFromTheFirstAskedForAndNoFurtherThanTheBuffer)
{
    const std::uint16_t first = new_domain(), second = new_domain();
    xen_sysctl op{};
    op.u.getdomaininfolist.first_domain = 1;
    op.u.getdomaininfolist.max_domains = 8;
    point(op.u.getdomaininfolist.buffer, kBuffer);
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_getdomaininfolist), 0);
    ASSERT_EQ(op.u.getdomaininfolist.num_domains, 2U);
    EXPECT_EQ(get<xen_domctl_getdomaininfo>(kBuffer).domain, first);
    op.u.getdomaininfolist.first_domain = 0;
    op.u.getdomaininfolist.max_domains = 1;
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_getdomaininfolist), 0);
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 1U);
    EXPECT_EQ(get<xen_domctl_getdomaininfo>(kBuffer).domain, 0);
    op.u.getdomaininfolist.first_domain = static_cast<domid_t>(second + 1);
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_getdomaininfolist), 0);
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 0U);
    op.u.getdomaininfolist.first_domain = 0;
    point(op.u.getdomaininfolist.buffer, kWild);
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_getdomaininfolist), minus(Errno::fault));
}

struct ConsoleTest : SystemFixture {
    std::string read(bool incremental = false, bool clear = false, std::uint32_t room = 4096)
    {
        xen_sysctl op{};
        op.u.readconsole.incremental = incremental ? 1 : 0;
        op.u.readconsole.clear = clear ? 1 : 0;
        op.u.readconsole.index = index;
        op.u.readconsole.count = room;
        point(op.u.readconsole.buffer, kBuffer);
        EXPECT_EQ(sysctl(op, XEN_SYSCTL_readconsole), 0);
        index = op.u.readconsole.index;
        std::string text(op.u.readconsole.count, '\0');
        std::memcpy(text.data(), fake_machine().guest_bytes(kBuffer), text.size());
        return text;
    }
    std::uint32_t index{};
};

TEST_F(ConsoleTest, TheConsoleIsReadWholeOrFromWhereOneWas)
{
    hal::write_console("first\n");
    EXPECT_EQ(read(), "first\n");
    hal::write_console("second\n");
    EXPECT_EQ(read(true), "second\n");
    EXPECT_EQ(read(true), "");
    EXPECT_EQ(read(false, true), "first\nsecond\n");
    EXPECT_EQ(read(), "");
}

TEST_F(ConsoleTest, TheNewestIsKeptAndAnIndexFromLongAgoIsNoTrouble)
{
    for (unsigned i = 0; i < 10'000; ++i)
        hal::write_console("0123456789\n");
    index = 3;
    EXPECT_EQ(read(true, false, 22).size(), 22U);
    EXPECT_EQ(read(false, false, 11), "0123456789\n");
    index = ~0U;
    EXPECT_LE(read(true).size(), ConsoleRing::kSize);
}

TEST_F(SysctlTest, DebugKeysDumpWhatTheyStandFor)
{
    new_domain();
    put(kBuffer, std::array<char, 4>{'q', 'm', 'o', 'Z'});
    xen_sysctl op{};
    op.u.debug_keys.nr_keys = 4;
    op.u.debug_keys.keys.p = reinterpret_cast<const char*>(kBuffer);
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_debug_keys), 0);
    EXPECT_NE(fake_machine().console.find("domain 1: frames"), std::string::npos);
    EXPECT_NE(fake_machine().console.find("free frames"), std::string::npos);
    EXPECT_NE(fake_machine().console.find("all mappings are counted"), std::string::npos);
}

TEST_F(SysctlTest, ThereIsOnePoolAndTheSchedulerIsKnownAsCredit2)
{
    xen_sysctl op{};
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_sched_id), 0);
    EXPECT_EQ(op.u.sched_id.sched_id, std::uint32_t{XEN_SCHEDULER_CREDIT2});
    op = {};
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    op.u.cpupool_op.cpumap.nr_bits = 8;
    point(op.u.cpupool_op.cpumap.bitmap, kBuffer);
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_cpupool_op), 0);
    EXPECT_EQ(get<std::uint8_t>(kBuffer), 1);
    EXPECT_EQ(op.u.cpupool_op.n_dom, 1U);
    op.u.cpupool_op.cpupool_id = 1;
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_cpupool_op), minus(Errno::noent));
}

TEST_F(SysctlTest, PoliciesFitTheirBufferOrAreRefused)
{
    xen_sysctl op{};
    op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_default;
    ASSERT_EQ(sysctl(op, XEN_SYSCTL_get_cpu_policy), 0) << "no buffers: how large they must be";
    EXPECT_GE(op.u.cpu_policy.nr_leaves, 100U);
    point(op.u.cpu_policy.leaves, kBuffer);
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_get_cpu_policy), 0);
    EXPECT_GT(op.u.cpu_policy.nr_leaves, 0U);
    op.u.cpu_policy.nr_leaves = 0;
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_get_cpu_policy), -XEN_ENOBUFS);
    op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_hvm_max;
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_get_cpu_policy), minus(Errno::opnotsupp));
    op = {};
    op.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_pv;
    op.u.cpu_featureset.nr_features = 32;
    point(op.u.cpu_featureset.features, kBuffer);
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_get_cpu_featureset), 0);
    op.u.cpu_featureset.nr_features = 3;
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_get_cpu_featureset), -XEN_ENOBUFS);
    op.u.cpu_featureset.index = 99;
    EXPECT_EQ(sysctl(op, XEN_SYSCTL_get_cpu_featureset), minus(Errno::inval));
}

TEST_F(SysctlTest, ConfigurationSpacesAreThoseTheFirmwareNamed)
{
    system.acpi.config_spaces[0] = {0xb0000000, 0, 0, 255};
    system.acpi.config_space_count = 1;
    physdev_pci_mmcfg_reserved args{0xb0000000, 0, 0, 255, 1};
    const auto told = [&] {
        put(kArgument, args);
        return make(__HYPERVISOR_physdev_op, {PHYSDEVOP_pci_mmcfg_reserved, kArgument});
    };
    EXPECT_EQ(told(), 0);
    args.segment = 1;
    EXPECT_EQ(told(), minus(Errno::nodev));
    args.segment = 0;
    args.end_bus = 254;
    EXPECT_EQ(told(), minus(Errno::nodev));
    EXPECT_EQ(
        make(__HYPERVISOR_physdev_op, {PHYSDEVOP_pci_mmcfg_reserved, kWild}), minus(Errno::fault)
    );
}

} // namespace
} // namespace zocalo::hv
