// SPDX-License-Identifier: Apache-2.0
// Sysctls about what guests see of processors. All of Xen's policies (raw, host, the most and the
// default of each kind of guest) are dom0's, which sees all there is; there is none for
// hardware-virtualised guests.
#include "hypervisor-core/hypercall/cpu_policy.hpp"
#include "hypervisor-core/hypercall/sysctl.hpp"

#include <xen/errno.h>

#include <algorithm>

namespace zocalo::hv {

Answer sysctl::levelling(Sysctl& ctl)
{
    ctl.op.u.cpu_levelling_caps.caps = 0;
    return ctl.with_answer();
}

Answer sysctl::feature_set(Sysctl& ctl)
{
    xen_sysctl_cpu_featureset& args = ctl.op.u.cpu_featureset;
    if (args.index == XEN_SYSCTL_cpu_featureset_hvm ||
        args.index == XEN_SYSCTL_cpu_featureset_hvm_max)
        return Errno::opnotsupp;
    if (args.index > XEN_SYSCTL_cpu_featureset_hvm_max)
        return Errno::inval;
    const GuestArray<std::uint32_t> words{address_of(args.features)};
    const std::uint32_t room = words.is_null() ? kFeatureWords : args.nr_features;
    const std::uint32_t count = std::min<std::uint32_t>(room, kFeatureWords);
    if (!words.is_null())
        for (std::uint32_t i = 0; i < count; ++i)
            TRY(words[i].copy_out(feature_word(ctl.call, i)));
    args.nr_features = words.is_null() ? kFeatureWords : count;
    ctl.answers = true;
    return room < kFeatureWords ? Answer{static_cast<Errno>(XEN_ENOBUFS)} : Answer{0};
}

Answer sysctl::policy(Sysctl& ctl)
{
    xen_sysctl_cpu_policy& args = ctl.op.u.cpu_policy;
    if (args.index == XEN_SYSCTL_cpu_policy_hvm_max ||
        args.index == XEN_SYSCTL_cpu_policy_hvm_default)
        return Errno::opnotsupp;
    if (args.index > XEN_SYSCTL_cpu_policy_hvm_default || args._rsvd != 0)
        return Errno::inval;
    args.nr_leaves =
        TRY(write_policy(ctl.system(), ctl.call.domain(), address_of(args.leaves), args.nr_leaves));
    args.nr_msrs = address_of(args.msrs) == 0 ? kPolicyMsrs : 0;
    return ctl.with_answer();
}

} // namespace zocalo::hv
