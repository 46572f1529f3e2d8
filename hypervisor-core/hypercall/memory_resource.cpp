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
    if (args.id != XENMEM_resource_grant_table_id_shared)
        return Errno::inval; // the status frames are version 2's
    const GuestArray<std::uint64_t> list{address_of(args.frame_list)};
    GrantTable& grants = domain.grants;
    if (list.is_null()) { // how many are there to ask for?
        if (args.nr_frames != 0)
            return Errno::inval;
        args.nr_frames = grants.limit();
        return call.ref<xen_mem_acquire_resource>(1).copy_out(args);
    }
    if (args.frame > grants.limit() || args.nr_frames > grants.limit() - args.frame)
        return Errno::inval;
    const auto end = static_cast<unsigned>(args.frame) + args.nr_frames;
    TRY(grants.grow(call.system.memory, end));
    for (std::uint32_t i = 0; i < args.nr_frames; ++i)
        TRY(list[i].copy_out(grants.frame(static_cast<unsigned>(args.frame) + i).value));
    return 0;
}

} // namespace zocalo::hv
