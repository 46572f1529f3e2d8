// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_update_descriptor: one entry of a GDT or LDT, by its machine address.
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/mm/descriptor.hpp"

namespace zocalo::hv {

Answer hypercall::update_descriptor(Call& call)
{
    const std::uint64_t address = call.arguments[0];
    const Mfn mfn{address >> kPageShift};
    const std::uint64_t descriptor = TRY(check_descriptor(call.arguments[1]));
    if (address % sizeof(descriptor) != 0)
        return Errno::inval;
    FrameTable& frames = call.system.memory.frames();
    TRY(frames.get(mfn, call.domain().id));
    const bool is_table = frames[mfn].type == FrameType::descriptors && frames[mfn].type_refs != 0;
    auto writable = is_table ? Result<Unit>{Unit{}} : frames.get_writable(mfn);
    if (writable) {
        hal::table_entries(mfn)[(address & (kPageSize - 1)) / sizeof(descriptor)] = descriptor;
        if (!is_table)
            frames.put_writable(mfn);
    }
    call.system.memory.put(mfn);
    return writable;
}

} // namespace zocalo::hv
