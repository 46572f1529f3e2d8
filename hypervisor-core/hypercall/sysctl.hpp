// SPDX-License-Identifier: Apache-2.0
// Sysctl: one operation of HYPERVISOR_sysctl being answered: what the tools ask of the machine.
// sysctl.cpp decodes and checks; a group of operations has a file each.
#pragma once

#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/sysctl.h>

namespace zocalo::hv {

struct Sysctl {
    Call& call;
    xen_sysctl op; // our copy; goes back to the caller when `answers` is set
    bool answers{};

    System& system() const { return call.system; }
    // The operation worked, and the caller learns what is in `op`.
    Answer with_answer()
    {
        answers = true;
        return 0;
    }
};

using SysctlHandler = Answer (*)(Sysctl&);

namespace sysctl {

// sysctl_machine.cpp
Answer physical_info(Sysctl& ctl); // XEN_SYSCTL_physinfo
Answer cpu_topology(Sysctl& ctl);  // XEN_SYSCTL_cputopoinfo
Answer numa_info(Sysctl& ctl);     // XEN_SYSCTL_numainfo
Answer available_heap(Sysctl& ctl);
Answer cpu_times(Sysctl& ctl); // XEN_SYSCTL_getcpuinfo

// sysctl_domains.cpp
Answer domain_list(Sysctl& ctl); // XEN_SYSCTL_getdomaininfolist
Answer read_console(Sysctl& ctl);
Answer debug_keys(Sysctl& ctl);

// sysctl_sched.cpp
Answer scheduler_id(Sysctl& ctl);
Answer cpu_pools(Sysctl& ctl);
Answer scheduler(Sysctl& ctl); // XEN_SYSCTL_scheduler_op

// sysctl_policy.cpp
Answer levelling(Sysctl& ctl); // XEN_SYSCTL_get_cpu_levelling_caps
Answer feature_set(Sysctl& ctl);
Answer policy(Sysctl& ctl); // XEN_SYSCTL_get_cpu_policy

} // namespace sysctl
} // namespace zocalo::hv
