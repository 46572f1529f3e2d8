// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_mmu_update: a list of page-table entries to write, by machine address; also entries of
// pages that are no tables yet, and of the machine-to-physical table.
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/hypercall/page_owner.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kPreempted = 0x80000000; // MMU_UPDATE_PREEMPTED, as older headers have it
constexpr std::uint64_t kBatch = 512;            // requests between two looks at interrupts

Result<Unit> write_word(Call& call, Mfn mfn, unsigned slot, std::uint64_t value)
{
    FrameTable& frames = call.system.memory.frames();
    TRY(frames.get_writable(mfn));
    hal::table_entries(mfn)[slot] = value;
    frames.put_writable(mfn);
    return Unit{};
}

Result<Unit> update_entry(Call& call, const mmu_update& request, const MapRights& rights)
{
    const unsigned kind = request.ptr & 3;
    const Mfn mfn{request.ptr >> kPageShift};
    const unsigned slot = (request.ptr & (kPageSize - 1)) / sizeof(std::uint64_t);
    Memory& memory = call.system.memory;
    TRY(memory.frames().get(mfn, rights.tables));
    Result<Unit> done = Unit{};
    if (memory.frames()[mfn].table_level() != 0)
        done = call.system.tables.write(
            {mfn, slot},
            Pte{request.val},
            kind == MMU_PT_UPDATE_PRESERVE_AD ? WriteKind::keep_accessed_dirty : WriteKind::plain,
            rights
        );
    else
        done = write_word(call, mfn, slot, request.val);
    memory.put(mfn);
    return done;
}

Result<Unit> update_m2p(Call& call, const mmu_update& request, DomId owner)
{
    const Mfn mfn{request.ptr >> kPageShift};
    Memory& memory = call.system.memory;
    if (owner == kOwnerHypervisor)
        return Errno::perm;
    TRY(memory.frames().get(mfn, owner));
    memory.set_pfn(mfn, request.val);
    memory.put(mfn);
    return Unit{};
}

Result<Unit> carry_out(Call& call, const mmu_update& request, const MapRights& rights)
{
    switch (request.ptr & 3) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_PRESERVE_AD:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_entry(call, request, rights);
    default: // MMU_MACHPHYS_UPDATE
        return update_m2p(call, request, rights.pages);
    }
}

} // namespace

Answer hypercall::mmu_update(Call& call)
{
    const GuestArray<struct mmu_update> requests{call.arguments[0]};
    const std::uint64_t count = call.arguments[1] & ~kPreempted;
    const GuestRef<std::uint32_t> done_ref = call.ref<std::uint32_t>(2);
    const MapRights rights = TRY(map_rights(call, call.arguments[3]));

    // `done` counts over all continuations: the guest's word carries it from one to the next.
    std::uint32_t done = 0;
    if ((call.arguments[1] & kPreempted) != 0 && !done_ref.is_null())
        done = TRY(done_ref.copy_in());
    Result<Unit> last = Unit{};
    std::uint64_t i = 0;
    for (; i < count && i < kBatch && !call.system.tables.wants_a_rest(); ++i) {
        const auto request = requests[i].copy_in();
        last = request ? carry_out(call, *request, rights) : Result<Unit>{request.error()};
        if (!last)
            break;
        ++done;
    }
    if (!done_ref.is_null())
        TRY(done_ref.copy_out(done));
    if (i < count && (last || last.error() == Errno::again))
        return call.again(
            {requests[i].address(), (count - i) | kPreempted, call.arguments[2], call.arguments[3]}
        );
    return last;
}

} // namespace zocalo::hv
