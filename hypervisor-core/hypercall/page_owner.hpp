// SPDX-License-Identifier: Apache-2.0
// Whose pages a caller of the memory-mapping hypercalls may put into page tables.
#pragma once

#include "hypervisor-core/hypercall/call.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

namespace zocalo::hv {

// `foreign`: the owner of the pages in the low 16 bits (DOMID_SELF, DOMID_IO, a domain's number, or
// DOMID_XEN for what the hypervisor shows the tools); above them, plus one, the owner of the tables
// when that is not the caller: not supported.
inline Result<MapRights> map_rights(const Call& call, std::uint64_t foreign)
{
    MapRights rights = call.domain().rights();
    const auto owner = static_cast<std::uint16_t>(foreign);
    if (foreign >> 16 != 0)
        return Errno::perm;
    if (owner == DOMID_SELF || owner == DOMID_IO)
        return rights;
    if (owner == DOMID_XEN && call.domain().privileged) {
        rights.pages = kOwnerHypervisor;
        return rights;
    }
    const Domain* const domain = TRY(policy::resolve(call.system, call.domain(), owner));
    rights.pages = domain->id;
    return rights;
}

// The processors that may hold translations of the domain's vCPUs in `vcpus` (bit numbers).
CpuMask processors_of(const Domain& domain, std::uint64_t vcpus);
CpuMask processors_of(const Domain& domain);

} // namespace zocalo::hv
