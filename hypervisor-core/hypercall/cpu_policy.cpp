// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hypercall/cpu_policy.hpp"

#include "hypervisor-core/hypercall/domctl.hpp"
#include "hypervisor-core/pv/cpuid.hpp"

#include <xen/errno.h>

namespace zocalo::hv {
namespace {

constexpr auto kNoRoom = static_cast<Errno>(XEN_ENOBUFS);
constexpr std::uint32_t kExtended = 0x80000000;

class LeafList {
  public:
    LeafList(const System& system, const Domain& domain, std::uint64_t address, std::uint32_t room)
        : system_{system}, domain_{domain}, items_{address}, room_{room}
    {
    }
    Result<Unit> add(std::uint32_t leaf, std::uint32_t subleaf)
    {
        if (count_ == room_)
            return kNoRoom;
        const bool has_subleaf = subleaf != XEN_CPUID_NO_SUBLEAF;
        const auto out = pv::guest_cpuid(system_, domain_, leaf, has_subleaf ? subleaf : 0);
        return items_[count_++].copy_out({leaf, subleaf, out.eax, out.ebx, out.ecx, out.edx});
    }
    std::uint32_t count() const { return count_; }

  private:
    const System& system_;
    const Domain& domain_;
    GuestArray<xen_cpuid_leaf_t> items_;
    std::uint32_t room_;
    std::uint32_t count_{};
};

// How many subleaves of a basic leaf the tools keep; 0: it has none.
constexpr std::uint32_t subleaves(std::uint32_t leaf)
{
    switch (leaf) {
    case 4:
        return 5;
    case 7:
        return 3;
    case 0xb:
        return 2;
    case 0xd:
        return 3;
    default:
        return 0;
    }
}

Result<Unit> add_all(LeafList& list, std::uint32_t leaf)
{
    const std::uint32_t count = subleaves(leaf);
    if (count == 0)
        return list.add(leaf, XEN_CPUID_NO_SUBLEAF);
    for (std::uint32_t i = 0; i < count; ++i)
        TRY(list.add(leaf, i));
    return Unit{};
}

// Leaves a policy may speak of.
constexpr bool is_known(const xen_cpuid_leaf_t& leaf)
{
    constexpr std::uint32_t kRange = 0x100;
    constexpr std::uint32_t kMostSubleaves = 64;
    const bool in_range = leaf.leaf < kRange || (leaf.leaf & 0xffff0000) == 0x40000000 ||
                          (leaf.leaf >= kExtended && leaf.leaf < kExtended + kRange);
    return in_range && (leaf.subleaf == XEN_CPUID_NO_SUBLEAF || leaf.subleaf < kMostSubleaves);
}

struct Feature {
    std::uint32_t leaf, subleaf;
    std::uint32_t hal::CpuidLeaf::*part;
};
using Leaf = hal::CpuidLeaf;
// In the order of cpufeatureset.h.
constexpr std::array<Feature, kFeatureWords> kFeatures{{
    {1, 0, &Leaf::edx},
    {1, 0, &Leaf::ecx},
    {0x80000001, 0, &Leaf::edx},
    {0x80000001, 0, &Leaf::ecx},
    {0xd, 1, &Leaf::eax},
    {7, 0, &Leaf::ebx},
    {7, 0, &Leaf::ecx},
    {0x80000007, 0, &Leaf::edx},
    {0x80000008, 0, &Leaf::ebx},
    {7, 0, &Leaf::edx},
    {7, 1, &Leaf::eax},
    {0x80000021, 0, &Leaf::eax},
    {7, 1, &Leaf::ebx},
    {7, 2, &Leaf::edx},
    {7, 1, &Leaf::ecx},
    {7, 1, &Leaf::edx},
}};

} // namespace

Result<std::uint32_t>
write_policy(const System& system, const Domain& domain, std::uint64_t leaves, std::uint32_t room)
{
    if (leaves == 0)
        return kPolicyLeaves;
    LeafList list{system, domain, leaves, room};
    const std::uint32_t basic = pv::guest_cpuid(system, domain, 0, 0).eax;
    for (std::uint32_t leaf = 0; leaf <= basic; ++leaf)
        TRY(add_all(list, leaf));
    const std::uint32_t extended = pv::guest_cpuid(system, domain, kExtended, 0).eax;
    for (std::uint32_t leaf = kExtended; leaf <= extended; ++leaf)
        TRY(list.add(leaf, XEN_CPUID_NO_SUBLEAF));
    return list.count();
}

std::uint32_t feature_word(Call& call, unsigned index)
{
    const Feature& feature = kFeatures[index];
    return pv::guest_cpuid(call.system, call.domain(), feature.leaf, feature.subleaf).*feature.part;
}

Answer domctl::get_policy(Domctl& ctl)
{
    xen_domctl_cpu_policy& args = ctl.op.u.cpu_policy;
    args.nr_leaves =
        TRY(write_policy(ctl.system(), *ctl.domain, address_of(args.leaves), args.nr_leaves));
    args.nr_msrs = address_of(args.msrs) == 0 ? kPolicyMsrs : 0;
    return ctl.with_answer();
}

// Leaves that are not named stay as they are.
Answer domctl::set_policy(Domctl& ctl)
{
    xen_domctl_cpu_policy& args = ctl.op.u.cpu_policy;
    Domain& domain = *ctl.domain;
    args.err_leaf = args.err_subleaf = args.err_msr = ~std::uint32_t{0};
    if (domain.started) // its kernel has looked already
        return Errno::exist;
    if (args.nr_leaves > kPolicyLeaves || args.nr_msrs > kPolicyMsrs)
        return Errno::toobig;
    const auto leaves =
        std::span{reinterpret_cast<xen_cpuid_leaf_t*>(ctl.system().scratch.data()), args.nr_leaves};
    const GuestArray<xen_cpuid_leaf_t> given{address_of(args.leaves)};
    for (std::uint32_t i = 0; i < args.nr_leaves; ++i) {
        leaves[i] = TRY(given[i].copy_in());
        if (is_known(leaves[i]))
            continue;
        args.err_leaf = leaves[i].leaf;
        args.err_subleaf = leaves[i].subleaf;
        ctl.answers = true;
        return Errno::range;
    }
    if (domain.cpuid.is_empty())
        domain.cpuid.start(hal::frame_bytes(TRY(ctl.system().memory.allocate())));
    for (const xen_cpuid_leaf_t& leaf : leaves)
        if (!domain.cpuid.put(leaf))
            return Errno::toobig;
    return 0;
}

} // namespace zocalo::hv
