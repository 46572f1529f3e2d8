// SPDX-License-Identifier: Apache-2.0
// XENMEM_acquire_resource: frames of the hypervisor that belong to a domain, for the tools to map.
// There is one kind so far: a domain's grant table.
#include "hypervisor-core/hypercall/memory_ops.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

namespace zocalo::hv {

Answer acquire_resource(Call& call)
{
    auto args = TRY(call.ref<xen_mem_acquire_resource>(1).copy_in());
    Domain& domain = *TRY(policy::other(call.system, call.domain(), args.domid));
    if (args.pad != 0)
        return Errno::inval;
    if (args.type != XENMEM_resource_grant_table)
        return Errno::opnotsupp;
    GrantTable& grants = domain.grants;
    const bool status = args.id == XENMEM_resource_grant_table_id_status;
    if (!status && args.id != XENMEM_resource_grant_table_id_shared)
        return Errno::inval;
    if (status && grants.version() == 1) // these frames are version 2's
        return Errno::inval;
    const unsigned most = status ? grants.status_frames() : grants.limit();
    const GuestArray<std::uint64_t> list{address_of(args.frame_list)};
    if (list.is_null()) { // how many are there to ask for?
        if (args.nr_frames != 0)
            return Errno::inval;
        args.nr_frames = most;
        return call.ref<xen_mem_acquire_resource>(1).copy_out(args);
    }
    if (args.frame > most || args.nr_frames > most - args.frame)
        return Errno::inval;
    const auto first = static_cast<unsigned>(args.frame);
    if (!status)
        TRY(grants.grow(call.system.memory, first + args.nr_frames));
    for (std::uint32_t i = 0; i < args.nr_frames; ++i) {
        const Mfn mfn = status ? grants.status_frame(first + i) : grants.frame(first + i);
        TRY(list[i].copy_out(mfn.value));
    }
    return 0;
}

} // namespace zocalo::hv
