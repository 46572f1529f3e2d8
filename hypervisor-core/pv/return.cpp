// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/domain.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/pv/bounce.hpp"

namespace zocalo::hv::pv {
namespace {

constexpr std::uint64_t kRing = 3;

} // namespace

bool return_from_kernel(Vcpu& vcpu, TrapFrame& frame)
{
    iret_context context;
    if (!hal::copy_from_guest(&context, frame.rsp, sizeof(context)))
        return false;
    const bool to_user = (context.cs & kRing) == kRing;
    if (to_user && vcpu.pv.user_table == Mfn{})
        return false;
    frame.rax = context.rax;
    frame.rip = context.rip;
    frame.cs = (context.cs & 0xffff) | kRing;
    frame.rflags = guest_flags(context.rflags);
    frame.rsp = context.rsp;
    frame.ss = (context.ss & 0xffff) | kRing;
    if ((context.flags & VGCF_in_syscall) == 0) {
        frame.r11 = context.r11;
        frame.rcx = context.rcx;
    }
    if (vcpu.domain->assists(VMASST_TYPE_architectural_iopl))
        vcpu.pv.io_privilege =
            static_cast<unsigned>((context.rflags & kFlagIoPrivilege) >> kIoPrivilegeShift);
    vcpu.info->evtchn_upcall_mask = (context.rflags & kFlagInterrupts) == 0;
    if (to_user) {
        vcpu.pv.in_kernel = false;
        hal::switch_mode(vcpu);
    }
    return true;
}

} // namespace zocalo::hv::pv
