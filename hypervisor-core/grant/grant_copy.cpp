// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/grant/grant_copy.hpp"

#include "hypervisor-core/hal/memory.hpp"

#include <cstring>

namespace zocalo::hv {
namespace {

GrantResult<Mfn> hold_own(Memory& memory, DomId caller, Mfn mfn, GrantAccess access)
{
    FrameTable& frames = memory.frames();
    if (!frames.is_ram(mfn) || !frames.get(mfn, caller))
        return GrantStatus::bad_page;
    if (access == GrantAccess::write && !frames.get_writable(mfn)) {
        memory.put(mfn);
        return GrantStatus::general_error;
    }
    return mfn;
}

GrantResult<Mfn> hold(Memory& memory, DomId caller, const CopySide& side, GrantAccess access)
{
    if (side.granter != nullptr)
        return side.granter->pin(memory, side.ref, caller, access);
    return hold_own(memory, caller, side.mfn, access);
}

void let_go(Memory& memory, const CopySide& side, Mfn mfn, GrantAccess access)
{
    if (side.granter != nullptr) {
        side.granter->unpin(memory, side.ref, access);
        return;
    }
    if (access == GrantAccess::write)
        memory.frames().put_writable(mfn);
    memory.put(mfn);
}

} // namespace

GrantStatus copy_granted(
    Memory& memory, DomId caller, const CopySide& source, const CopySide& dest, unsigned bytes
)
{
    if (source.offset + bytes > kPageSize || dest.offset + bytes > kPageSize)
        return GrantStatus::bad_copy_arg;
    const auto from = hold(memory, caller, source, GrantAccess::read);
    if (!from)
        return from.error();
    const auto to = hold(memory, caller, dest, GrantAccess::write);
    if (to) {
        // The same page may stand on both sides, with ranges that overlap.
        std::memmove(
            hal::frame_bytes(*to) + dest.offset, hal::frame_bytes(*from) + source.offset, bytes
        );
        let_go(memory, dest, *to, GrantAccess::write);
    }
    let_go(memory, source, *from, GrantAccess::read);
    return to ? GrantStatus::okay : to.error();
}

} // namespace zocalo::hv
