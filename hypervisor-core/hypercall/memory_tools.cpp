// SPDX-License-Identifier: Apache-2.0
// Memory operations that the tools' side of a domain's life needs: its memory map, claims, and
// where the machine-to-physical table lies.
#include "hypervisor-core/hypercall/memory_ops.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

#include <algorithm>

namespace zocalo::hv {
namespace {

std::uint64_t claimed_by_others(const System& system, const Domain& domain)
{
    std::uint64_t sum = 0;
    for (const Domain* other : system.domains)
        if (other != nullptr && other != &domain && other->claimed > other->memory.count)
            sum += other->claimed - other->memory.count;
    return sum;
}

} // namespace

Answer set_memory_map(Call& call)
{
    const auto args = TRY(call.ref<xen_foreign_memory_map>(1).copy_in());
    Domain& domain = *TRY(policy::other(call.system, call.domain(), args.domid));
    if (args.map.nr_entries > Domain::kMaxMapEntries)
        return Errno::inval;
    const GuestArray<MemoryMapEntry> entries{address_of(args.map.buffer)};
    domain.memory_map_entries = 0;
    for (unsigned i = 0; i < args.map.nr_entries; ++i) {
        domain.memory_map[i] = TRY(entries[i].copy_in());
        domain.memory_map_entries = i + 1;
    }
    return 0;
}

Answer memory_map(Call& call)
{
    auto args = TRY(call.ref<xen_memory_map>(1).copy_in());
    const Domain& domain = call.domain();
    if (domain.memory_map_entries == 0) // nobody gave it one: the kernel makes its own
        return Errno::nosys;
    const GuestArray<MemoryMapEntry> entries{address_of(args.buffer)};
    args.nr_entries = std::min(args.nr_entries, domain.memory_map_entries);
    for (unsigned i = 0; i < args.nr_entries; ++i)
        TRY(entries[i].copy_out(domain.memory_map[i]));
    return call.ref<xen_memory_map>(1).copy_out(args);
}

// A claim is checked against what is free and what others have claimed; 0 pages end it.
Answer claim_pages(Call& call)
{
    const auto args = TRY(call.ref<xen_memory_reservation>(1).copy_in());
    TRY(policy::may_control(call.domain()));
    Domain& domain = *TRY(policy::resolve(call.system, call.domain(), args.domid));
    if (args.extent_order != 0 || address_of(args.extent_start) != 0 || domain.dying)
        return Errno::inval;
    if (args.nr_extents == 0) {
        domain.claimed = 0;
        return 0;
    }
    const std::uint64_t wanted =
        args.nr_extents > domain.memory.count ? args.nr_extents - domain.memory.count : 0;
    const std::uint64_t free = call.system.memory.buddy().free_frames();
    if (args.nr_extents > domain.memory.limit)
        return Errno::inval;
    if (wanted + claimed_by_others(call.system, domain) > free)
        return Errno::nomem;
    domain.claimed = args.nr_extents;
    return 0;
}

// Where the machine-to-physical table lies, by pieces of 2 MiB.
Answer machphys_list(Call& call)
{
    constexpr std::uint64_t kPiece = 2 << 20;
    TRY(policy::may_control(call.domain()));
    auto args = TRY(call.ref<xen_machphys_mfn_list>(1).copy_in());
    const MemoryRange& table = call.system.m2p;
    const GuestArray<std::uint64_t> list{address_of(args.extent_start)};
    std::uint32_t count = 0;
    for (std::uint64_t at = table.start; at < table.end && count < args.max_extents; at += kPiece)
        TRY(list[count++].copy_out(at >> kPageShift));
    args.nr_extents = count;
    return call.ref<xen_machphys_mfn_list>(1).copy_out(args);
}

} // namespace zocalo::hv
