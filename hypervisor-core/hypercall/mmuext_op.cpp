// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_mmuext_op: pinning page tables, switching them, flushing what is cached of them.
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/hypercall/page_owner.hpp"
#include "hypervisor-core/pv/local_table.hpp"

namespace zocalo::hv {
namespace {

constexpr unsigned kRoot = 4;
constexpr std::uint64_t kPreempted = 0x80000000;

CpuMask here(const Call& call)
{
    return CpuMask{1} << call.vcpu.sched.cpu;
}

Result<CpuMask> named(const Call& call, const mmuext_op& op)
{
    const std::uint64_t vcpus =
        TRY(GuestRef<std::uint64_t>{address_of(op.arg2.vcpumask)}.copy_in());
    return processors_of(call.domain(), vcpus);
}

// The tables a pin or unpin is about belong to the domain named as the owner of pages.
Result<Unit> pin(Call& call, const mmuext_op& op, const MapRights& rights)
{
    const Domain* const owner = call.system.domain(rights.pages);
    if (owner == nullptr) // the hypervisor's frames are nobody's tables
        return Errno::perm;
    const unsigned level = op.cmd - MMUEXT_PIN_L1_TABLE + 1;
    const Mfn table{op.arg1.mfn};
    const auto pinned = call.system.tables.pin(table, level, owner->rights());
    // Its own pin, begun by the call before: another vCPU used the table and so validated the rest.
    if (!pinned && pinned.error() == Errno::inval && call.vcpu.pv.begun_table == table) {
        const FrameInfo& frame = call.system.memory.frames()[table];
        if (frame.has(FrameInfo::pinned) && frame.table_level() == level)
            return Unit{};
    }
    return pinned;
}

Result<Unit> new_kernel_root(Call& call, Mfn root)
{
    PvState& pv = call.vcpu.pv;
    TRY(call.system.tables.get_table(root, kRoot, call.domain().rights()));
    const Mfn old = pv.kernel_table;
    pv.kernel_table = root;
    hal::load_address_space(call.vcpu);
    call.system.tables.put_table(old, kRoot);
    if (pv.ldt_entries != 0) { // other pages may be at its address now
        pv::forget_local_pages(call.system, call.vcpu);
        hal::load_ldt(call.vcpu);
    }
    return Unit{};
}

Result<Unit> new_user_root(Call& call, Mfn root)
{
    PvState& pv = call.vcpu.pv;
    if (root != Mfn{})
        TRY(call.system.tables.get_table(root, kRoot, call.domain().rights()));
    const Mfn old = pv.user_table;
    pv.user_table = root;
    if (old != Mfn{})
        call.system.tables.put_table(old, kRoot);
    return Unit{};
}

// For a moment the page is the hypervisor's to write: it must not be a table.
Result<Unit> overwrite(Call& call, Mfn to, const Mfn* from)
{
    Memory& memory = call.system.memory;
    const DomId self = call.domain().id;
    TRY(memory.frames().get(to, self));
    auto done = memory.frames().get_writable(to);
    if (done && from != nullptr)
        done = memory.frames().get(*from, self);
    if (done && from != nullptr) {
        hal::copy_frame(to, *from);
        memory.put(*from);
    } else if (done) {
        hal::clear_frame(to);
    }
    if (done)
        memory.frames().put_writable(to);
    memory.put(to);
    return done;
}

Result<Unit> set_ldt(Call& call, const mmuext_op& op)
{
    TRY(pv::set_local_table(call.system, call.vcpu, op.arg1.linear_addr, op.arg2.nr_ents));
    hal::load_ldt(call.vcpu);
    return Unit{};
}

Result<Unit> carry_out(Call& call, const mmuext_op& op, const MapRights& rights)
{
    const Mfn mfn{op.arg1.mfn};
    switch (op.cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return pin(call, op, rights);
    case MMUEXT_UNPIN_TABLE:
        return call.system.tables.unpin(mfn, rights.pages);
    case MMUEXT_NEW_BASEPTR:
        return new_kernel_root(call, mfn);
    case MMUEXT_NEW_USER_BASEPTR:
        return new_user_root(call, mfn);
    case MMUEXT_TLB_FLUSH_LOCAL:
        hal::flush_tlb(here(call));
        return Unit{};
    case MMUEXT_INVLPG_LOCAL:
        hal::flush_page(op.arg1.linear_addr, here(call));
        return Unit{};
    case MMUEXT_TLB_FLUSH_MULTI:
        hal::flush_tlb(TRY(named(call, op)));
        return Unit{};
    case MMUEXT_INVLPG_MULTI:
        hal::flush_page(op.arg1.linear_addr, TRY(named(call, op)));
        return Unit{};
    case MMUEXT_TLB_FLUSH_ALL:
        hal::flush_tlb(processors_of(call.domain()));
        return Unit{};
    case MMUEXT_INVLPG_ALL:
        hal::flush_page(op.arg1.linear_addr, processors_of(call.domain()));
        return Unit{};
    case MMUEXT_FLUSH_CACHE:
        return Unit{};
    case MMUEXT_SET_LDT:
        return set_ldt(call, op);
    case MMUEXT_CLEAR_PAGE:
        return overwrite(call, mfn, nullptr);
    case MMUEXT_COPY_PAGE: {
        const Mfn source{op.arg2.src_mfn};
        return overwrite(call, mfn, &source);
    }
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
        return Errno::opnotsupp;
    default:
        return Errno::nosys;
    }
}

} // namespace

Answer hypercall::mmuext_op(Call& call)
{
    const GuestArray<struct mmuext_op> ops{call.arguments[0]};
    const std::uint64_t count = call.arguments[1] & ~kPreempted;
    const GuestRef<std::uint32_t> done_ref = call.ref<std::uint32_t>(2);
    const MapRights rights = TRY(map_rights(call, call.arguments[3]));
    std::uint32_t done = 0;
    if ((call.arguments[1] & kPreempted) != 0 && !done_ref.is_null())
        done = TRY(done_ref.copy_in());
    Result<Unit> last = Unit{};
    constexpr std::uint64_t kBatch = 64;
    std::uint64_t i = 0;
    for (; i < count && i < kBatch && !call.system.tables.wants_a_rest(); ++i) {
        const auto op = ops[i].copy_in();
        last = op ? carry_out(call, *op, rights) : Result<Unit>{op.error()};
        if (!last)
            break;
        ++done;
    }
    if (!done_ref.is_null())
        TRY(done_ref.copy_out(done));
    if (i < count && (last || last.error() == Errno::again))
        return call.again(
            {ops[i].address(), (count - i) | kPreempted, call.arguments[2], call.arguments[3]}
        );
    return last;
}

} // namespace zocalo::hv
