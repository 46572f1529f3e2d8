// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_set_segment_base: FS and both GS bases, which ring 3 cannot set itself.
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {
namespace {

constexpr bool is_canonical(std::uint64_t address)
{
    const std::uint64_t top = address >> 47;
    return top == 0 || top == 0x1ffff;
}

} // namespace

Answer hypercall::set_segment_base(Call& call)
{
    const std::uint64_t base = call.arguments[1];
    if (call.arguments[0] == SEGBASE_GS_USER_SEL)
        return hal::load_other_gs(static_cast<std::uint16_t>(base)) ? Answer{0}
                                                                    : Answer{Errno::fault};
    if (!is_canonical(base))
        return Errno::inval;
    switch (call.arguments[0]) {
    case SEGBASE_FS:
        hal::set_fs_base(base);
        return 0;
    case SEGBASE_GS_USER:
        hal::set_other_gs_base(base);
        return 0;
    case SEGBASE_GS_KERNEL:
        hal::set_gs_base(base);
        return 0;
    default:
        return Errno::inval;
    }
}

} // namespace zocalo::hv
