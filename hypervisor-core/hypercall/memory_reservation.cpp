// SPDX-License-Identifier: Apache-2.0
// XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap: extents of
// memory for a domain, or back from it. All answer how many extents were done.
#include "hypervisor-core/hypercall/memory_ops.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

namespace zocalo::hv {
namespace {

// Between two looks at interrupts.
constexpr std::uint64_t kBatch = 512;
constexpr unsigned kMaxOrderOfDomain = 9; // unprivileged callers
constexpr unsigned kMaxOrderOfBuilder = 18;

unsigned address_bits(std::uint32_t flags)
{
    const unsigned bits = XENMEMF_get_address_bits(flags);
    return bits == 0 ? 64 : bits;
}

Result<Unit> add_extent(
    Call& call, Domain& domain, const xen_memory_reservation& args, std::uint64_t index, bool placed
)
{
    const GuestRef<std::uint64_t> item =
        GuestArray<std::uint64_t>{address_of(args.extent_start)}[index];
    const std::uint64_t pfn = placed ? TRY(item.copy_in()) : kNoPfn;
    Memory& memory = call.system.memory;
    const Mfn first =
        TRY(memory.allocate_for(domain.memory, args.extent_order, address_bits(args.mem_flags)));
    if (placed)
        for (std::uint64_t i = 0; i < std::uint64_t{1} << args.extent_order; ++i)
            memory.set_pfn(first + i, pfn + i);
    if (address_of(args.extent_start) != 0)
        TRY(item.copy_out(first.value)); // on a fault the memory stays the domain's own
    return Unit{};
}

Result<Unit>
remove_extent(Call& call, Domain& domain, const xen_memory_reservation& args, std::uint64_t index)
{
    const std::uint64_t first =
        TRY(GuestArray<std::uint64_t>{address_of(args.extent_start)}[index].copy_in());
    Memory& memory = call.system.memory;
    for (std::uint64_t i = 0; i < std::uint64_t{1} << args.extent_order; ++i) {
        const Mfn mfn{first + i};
        TRY(memory.frames().get(mfn, domain.id));
        const FrameInfo& frame = memory.frames()[mfn];
        const bool own = frame.has(FrameInfo::allocated) && !frame.has(FrameInfo::lent);
        if (own) {
            call.system.tables.let_go(mfn); // else its pin would outlive the domain
            memory.release(mfn, domain.memory);
        }
        memory.put(mfn);
        if (!own)
            return Errno::inval;
    }
    return Unit{};
}

} // namespace

Answer change_reservation(Call& call)
{
    const std::uint64_t op = call.arguments[0] & kMemoryOpMask;
    const std::uint64_t start = call.arguments[0] >> kMemoryOpShift;
    const auto args = TRY(call.ref<xen_memory_reservation>(1).copy_in());
    Domain& domain = *TRY(policy::resolve(call.system, call.domain(), args.domid));
    const unsigned most = call.domain().privileged ? kMaxOrderOfBuilder : kMaxOrderOfDomain;
    if (args.extent_order > most || start > args.nr_extents)
        return static_cast<std::int64_t>(start);
    std::uint64_t i = start;
    for (; i < args.nr_extents; ++i) {
        if (i - start == kBatch)
            return call.again({op | i << kMemoryOpShift, call.arguments[1]});
        const auto done = op == XENMEM_decrease_reservation
                              ? remove_extent(call, domain, args, i)
                              : add_extent(call, domain, args, i, op == XENMEM_populate_physmap);
        if (!done)
            break;
    }
    return static_cast<std::int64_t>(i);
}

} // namespace zocalo::hv
