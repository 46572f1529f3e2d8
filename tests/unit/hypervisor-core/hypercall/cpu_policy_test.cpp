// SPDX-License-Identifier: Apache-2.0
// What a domain is told of a processor that has everything: CPUID of the fake machine is all ones.
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/pv/cpuid.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kHypervisor = 1U << 31;

struct CpuPolicyTest : SystemFixture {
    const std::uint64_t free = free_frames();
    const std::uint16_t id = new_domain();

    std::int64_t set(const std::vector<xen_cpuid_leaf_t>& leaves)
    {
        for (std::size_t i = 0; i < leaves.size(); ++i)
            put(kBuffer + i * sizeof(leaves[0]), leaves[i]);
        op = {};
        op.u.cpu_policy.nr_leaves = static_cast<std::uint32_t>(leaves.size());
        point(op.u.cpu_policy.leaves, kBuffer);
        return domctl(op, XEN_DOMCTL_set_cpu_policy, id);
    }
    hal::CpuidLeaf seen(std::uint32_t leaf, std::uint32_t subleaf = 0)
    {
        return pv::guest_cpuid(system, domain(id), leaf, subleaf);
    }
    xen_domctl op{};
};

TEST_F(CpuPolicyTest, FeaturesCanBeTakenAwayButNotAdded)
{
    const auto most = seen(1);
    ASSERT_EQ(
        set({{1, XEN_CPUID_NO_SUBLEAF, 0x600, 0x10000, 1, ~0U}, {7, 0, 0, 1U << 3, ~0U, ~0U}}), 0
    );
    EXPECT_EQ(seen(1).ecx, 1U | kHypervisor);
    EXPECT_EQ(seen(1).edx, most.edx) << "what was hidden stays hidden";
    EXPECT_EQ(seen(1).eax, 0x600U);
    EXPECT_EQ(seen(1).ebx, 0x10000U);
    EXPECT_EQ(seen(7).ebx, 1U << 3);
    EXPECT_EQ(seen(7).ecx, 0U);
    EXPECT_EQ(pv::guest_cpuid(system, *dom0, 1, 0).ecx, most.ecx) << "dom0's own is as it was";
}

TEST_F(CpuPolicyTest, TheLastWordOnALeafHoldsAndOthersStay)
{
    ASSERT_EQ(set({{1, XEN_CPUID_NO_SUBLEAF, 1, 0, 0, 0}, {4, 1, 7, 7, 7, 7}}), 0);
    ASSERT_EQ(set({{1, XEN_CPUID_NO_SUBLEAF, 2, 0, 0, 0}}), 0);
    EXPECT_EQ(seen(1).eax, 2U);
    EXPECT_EQ(seen(4, 1).edx, 7U);
    EXPECT_NE(seen(4, 0).edx, 7U);
    // The tools are told the same as the guest.
    op = {};
    op.u.cpu_policy.nr_leaves = 160;
    point(op.u.cpu_policy.leaves, kBuffer);
    ASSERT_EQ(domctl(op, XEN_DOMCTL_get_cpu_policy, id), 0);
    EXPECT_EQ(get<xen_cpuid_leaf_t>(kBuffer + sizeof(xen_cpuid_leaf_t)).a, 2U);
}

TEST_F(CpuPolicyTest, WhoIsBelowCannotBeDenied)
{
    ASSERT_EQ(set({{0x40000000, XEN_CPUID_NO_SUBLEAF, 0, 0, 0, 0}}), 0);
    EXPECT_EQ(seen(0x40000000).eax, 0x40000004U);
}

TEST_F(CpuPolicyTest, OnlyKnownLeavesBeforeTheStartAndTheMemoryComesBack)
{
    EXPECT_EQ(set({{0x1000, XEN_CPUID_NO_SUBLEAF, 0, 0, 0, 0}}), minus(Errno::range));
    EXPECT_EQ(op.u.cpu_policy.err_leaf, 0x1000U);
    ASSERT_EQ(set({{1, XEN_CPUID_NO_SUBLEAF, 2, 0, 0, 0}}), 0);
    unpause_domain(system, domain(id));
    EXPECT_EQ(set({{1, XEN_CPUID_NO_SUBLEAF, 3, 0, 0, 0}}), minus(Errno::exist));
    EXPECT_EQ(domctl(op, XEN_DOMCTL_destroydomain, id), 0);
    EXPECT_EQ(free_frames(), free);
}

} // namespace
} // namespace zocalo::hv
