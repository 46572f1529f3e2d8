// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hypercall/page_owner.hpp"

namespace zocalo::hv {

CpuMask processors_of(const Domain& domain, std::uint64_t vcpus)
{
    CpuMask cpus = 0;
    for (unsigned id = 0; id < domain.vcpu_limit && id < 64; ++id)
        if ((vcpus >> id & 1) != 0 && domain.vcpus[id] != nullptr)
            cpus |= CpuMask{1} << domain.vcpus[id]->sched.cpu;
    return cpus;
}

CpuMask processors_of(const Domain& domain)
{
    CpuMask cpus = 0;
    for (unsigned id = 0; id < domain.vcpu_limit; ++id)
        if (const Vcpu* const vcpu = domain.vcpus[id]; vcpu != nullptr)
            cpus |= CpuMask{1} << vcpu->sched.cpu;
    return cpus;
}

} // namespace zocalo::hv
