// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_memory_op: how much memory there is, and where. Changing it: memory_reservation.cpp.
#include "hypervisor-core/hypercall/memory_ops.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

#include <algorithm>

namespace zocalo::hv {
namespace {

Answer machine_memory_map(Call& call)
{
    if (!call.domain().privileged)
        return Errno::perm;
    auto map = TRY(call.ref<xen_memory_map>(1).copy_in());
    const GuestArray<MemoryMapEntry> entries{address_of(map.buffer)};
    std::uint32_t count = 0;
    for (const MemoryRange& range : call.system.boot.memory()) {
        if (count == map.nr_entries)
            break;
        TRY(entries[count].copy_out({range.start, range.end - range.start, range.type}));
        ++count;
    }
    map.nr_entries = count;
    return call.ref<xen_memory_map>(1).copy_out(map);
}

Answer machphys_mapping(const Call& call)
{
    xen_machphys_mapping mapping{};
    mapping.v_start = MACH2PHYS_VIRT_START;
    mapping.v_end = MACH2PHYS_VIRT_END;
    mapping.max_mfn = MACH2PHYS_NR_ENTRIES - 1;
    return call.ref<xen_machphys_mapping>(1).copy_out(mapping);
}

Answer reservation(Call& call, std::uint64_t OwnedFrames::*which)
{
    const auto args = TRY(call.ref<xen_memory_domain>(1).copy_in());
    const Domain* const domain = TRY(policy::resolve(call.system, call.domain(), args.domid));
    return static_cast<std::int64_t>(domain->memory.*which);
}

Answer maximum_gpfn(Call& call)
{
    const auto args = TRY(call.ref<xen_memory_domain>(1).copy_in());
    const Domain* const domain = TRY(policy::resolve(call.system, call.domain(), args.domid));
    // What the guest says there, which is nothing before it runs; a negative answer is an error.
    constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
    const std::uint64_t pfns = std::clamp<std::uint64_t>(domain->shared->arch.max_pfn, 1, kMost);
    return static_cast<std::int64_t>(pfns) - 1;
}

} // namespace

Answer hypercall::memory_op(Call& call) // (readability-function-size): a table
{
    switch (call.arguments[0] & kMemoryOpMask) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return change_reservation(call);
    case XENMEM_exchange:
        return exchange_memory(call);
    case XENMEM_maximum_ram_page:
        return static_cast<std::int64_t>(call.system.memory.frames().size()) - 1;
    case XENMEM_current_reservation:
        return reservation(call, &OwnedFrames::count);
    case XENMEM_maximum_reservation:
        return reservation(call, &OwnedFrames::limit);
    case XENMEM_maximum_gpfn:
        return maximum_gpfn(call);
    case XENMEM_machine_memory_map:
        return machine_memory_map(call);
    case XENMEM_machphys_mapping:
        return machphys_mapping(call);
    case XENMEM_memory_map:
        return memory_map(call);
    case XENMEM_set_memory_map:
        return set_memory_map(call);
    case XENMEM_claim_pages:
        return claim_pages(call);
    case XENMEM_machphys_mfn_list:
        return machphys_list(call);
    case XENMEM_acquire_resource:
        return acquire_resource(call);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
        return 0; // pages are never shared
    case XENMEM_get_vnumainfo:
        return Errno::opnotsupp; // what tools take for "no virtual nodes"
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
