// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_vm_assist: habits the guest asks for. Writes to page tables are emulated, and 4 GiB
// segments work, whether asked for or not.
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::vm_assist(Call& call)
{
    constexpr std::uint64_t kKnown =
        1U << VMASST_TYPE_4gb_segments | 1U << VMASST_TYPE_writable_pagetables |
        1U << VMASST_TYPE_pae_extended_cr3 | 1U << VMASST_TYPE_architectural_iopl |
        1U << VMASST_TYPE_runstate_update_flag;
    const std::uint64_t type = call.arguments[1];
    if (call.arguments[0] > VMASST_CMD_disable)
        return Errno::nosys;
    if (type >= 64 || (kKnown >> type & 1) == 0)
        return Errno::inval;
    const std::uint64_t bit = std::uint64_t{1} << type;
    switch (call.arguments[0]) {
    case VMASST_CMD_enable:
        call.domain().vm_assist |= bit;
        return 0;
    case VMASST_CMD_disable:
        call.domain().vm_assist &= ~bit;
        return 0;
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
