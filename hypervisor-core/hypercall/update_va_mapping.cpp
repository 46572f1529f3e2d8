// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_update_va_mapping: the level-1 entry of a virtual address, and which translations go.
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/hypercall/page_owner.hpp"

namespace zocalo::hv {
namespace {

// The flags name this processor, all of the domain's, or a bitmap of vCPUs in guest memory.
Result<CpuMask> processors_named(const Call& call, std::uint64_t flags)
{
    const std::uint64_t where = flags & ~std::uint64_t{UVMF_FLUSHTYPE_MASK};
    if (where == UVMF_LOCAL)
        return CpuMask{1} << call.vcpu.sched.cpu;
    if (where == UVMF_ALL)
        return processors_of(call.domain());
    const std::uint64_t vcpus = TRY(GuestRef<std::uint64_t>{where}.copy_in());
    return processors_of(call.domain(), vcpus);
}

} // namespace

Answer hypercall::update_va_mapping(Call& call)
{
    const std::uint64_t va = call.arguments[0];
    const std::uint64_t flags = call.arguments[2];
    const EntryPlace place = TRY(call.system.tables.find(call.vcpu.pv.kernel_table, va));
    TRY(call.system.tables.write(
        place, Pte{call.arguments[1]}, WriteKind::plain, call.domain().rights()
    ));
    switch (flags & UVMF_FLUSHTYPE_MASK) {
    case UVMF_TLB_FLUSH:
        hal::flush_tlb(TRY(processors_named(call, flags)));
        break;
    case UVMF_INVLPG:
        hal::flush_page(va, TRY(processors_named(call, flags)));
        break;
    default:
        break;
    }
    return 0;
}

} // namespace zocalo::hv
