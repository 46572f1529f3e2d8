// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/descriptor_page.hpp"

#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/mm/descriptor.hpp"

namespace zocalo::hv {

Result<Unit> get_descriptors(Memory& memory, Mfn mfn, DomId owner)
{
    FrameTable& frames = memory.frames();
    TRY(frames.get(mfn, owner));
    if (frames.share_type(mfn, FrameType::descriptors))
        return Unit{};
    auto begun = frames.begin_type(mfn, FrameType::descriptors);
    if (begun) {
        for (std::uint64_t& descriptor : hal::table_entries(mfn)) {
            const auto checked = check_descriptor(descriptor);
            if (!checked) {
                frames.put_type(mfn);
                begun = checked.error();
                break;
            }
            descriptor = *checked;
        }
    }
    if (!begun) {
        memory.put(mfn);
        return begun.error();
    }
    return Unit{};
}

void put_descriptors(Memory& memory, Mfn mfn)
{
    memory.frames().put_type(mfn);
    memory.put(mfn);
}

} // namespace zocalo::hv
