// SPDX-License-Identifier: Apache-2.0
// Domctl: one operation of HYPERVISOR_domctl being answered: what the tools do to a domain.
// domctl.cpp decodes, checks versions and rights and finds the domain; a group of operations has a
// file each.
#pragma once

#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

#include <xen/domctl.h>

namespace zocalo::hv {

struct Domctl {
    Call& call;
    xen_domctl op; // our copy; goes back to the caller when `answers` is set
    Domain* domain{};
    bool answers{};

    System& system() const { return call.system; }
    // A vCPU that was made. inval when there is none of that number.
    Result<Vcpu*> vcpu(std::uint32_t number) const
    {
        Vcpu* const found = domain->vcpu(number);
        if (found == nullptr)
            return Errno::inval;
        return found;
    }
    // The operation worked, and the caller learns what is in `op`.
    Answer with_answer()
    {
        answers = true;
        return 0;
    }
};

using DomctlHandler = Answer (*)(Domctl&);

namespace domctl {

// domctl_life.cpp
Answer create(Domctl& ctl);  // XEN_DOMCTL_createdomain
Answer destroy(Domctl& ctl); // XEN_DOMCTL_destroydomain
Answer pause(Domctl& ctl);   // XEN_DOMCTL_pausedomain
Answer unpause(Domctl& ctl); // XEN_DOMCTL_unpausedomain
Answer resume(Domctl& ctl);  // XEN_DOMCTL_resumedomain
Answer max_vcpus(Domctl& ctl);
Answer set_handle(Domctl& ctl); // XEN_DOMCTL_setdomainhandle

// domctl_info.cpp
Answer info(Domctl& ctl);      // XEN_DOMCTL_getdomaininfo
Answer vcpu_info(Domctl& ctl); // XEN_DOMCTL_getvcpuinfo
Answer set_address_size(Domctl& ctl);
Answer get_address_size(Domctl& ctl);
Answer set_tsc_info(Domctl& ctl);
Answer get_tsc_info(Domctl& ctl);
Answer accept(Domctl& ctl); // what is so anyway

// domctl_sched.cpp
Answer set_affinity(Domctl& ctl); // XEN_DOMCTL_setvcpuaffinity
Answer get_affinity(Domctl& ctl); // XEN_DOMCTL_getvcpuaffinity
Answer get_node_affinity(Domctl& ctl);
Answer scheduler(Domctl& ctl); // XEN_DOMCTL_scheduler_op

// domctl_context.cpp
Answer set_context(Domctl& ctl);     // XEN_DOMCTL_setvcpucontext
Answer get_context(Domctl& ctl);     // XEN_DOMCTL_getvcpucontext
Answer set_ext_context(Domctl& ctl); // XEN_DOMCTL_set_ext_vcpucontext
Answer get_ext_context(Domctl& ctl);
Answer set_extended_state(Domctl& ctl); // XEN_DOMCTL_setvcpuextstate
Answer get_extended_state(Domctl& ctl); // XEN_DOMCTL_getvcpuextstate
Answer get_msrs(Domctl& ctl);           // XEN_DOMCTL_get_vcpu_msrs

// domctl_memory.cpp
Answer max_mem(Domctl& ctl);
Answer frame_types(Domctl& ctl);    // XEN_DOMCTL_getpageframeinfo3
Answer hypercall_page(Domctl& ctl); // XEN_DOMCTL_hypercall_init
Answer io_memory(Domctl& ctl);      // XEN_DOMCTL_iomem_permission
Answer io_ports(Domctl& ctl);       // XEN_DOMCTL_ioport_permission
Answer interrupts(Domctl& ctl);     // XEN_DOMCTL_irq_permission

// cpu_policy.cpp
Answer set_policy(Domctl& ctl); // XEN_DOMCTL_set_cpu_policy
Answer get_policy(Domctl& ctl); // XEN_DOMCTL_get_cpu_policy

} // namespace domctl

// What the tools are told of a domain, also in lists (domctl_info.cpp).
xen_domctl_getdomaininfo describe(const Domain& domain);
// Real time the vCPU has run, ns.
std::uint64_t time_run(const Vcpu& vcpu);

} // namespace zocalo::hv
