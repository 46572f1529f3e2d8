// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_iret: the guest's kernel returns from a trap; the frame is on its stack
// (iret_context).
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/pv/flags.hpp"

namespace zocalo::hv {

Answer hypercall::iret(Call& call)
{
    Vcpu& vcpu = call.vcpu;
    const auto context = GuestRef<iret_context>{call.frame.rsp}.copy_in();
    constexpr std::uint64_t kRing = 3;
    const bool to_user = context && (context->cs & kRing) == kRing;
    if (!context || (to_user && vcpu.pv.user_table == Mfn{})) {
        crash_domain(call.system, call.domain());
        return Errno::fault;
    }
    TrapFrame& frame = call.frame;
    frame.rax = context->rax;
    frame.rip = context->rip;
    frame.cs = ring3(context->cs);
    frame.rflags = pv::guest_flags(context->rflags);
    frame.rsp = context->rsp;
    frame.ss = ring3(context->ss);
    if ((context->flags & VGCF_in_syscall) == 0) {
        frame.r11 = context->r11;
        frame.rcx = context->rcx;
    }
    vcpu.info->evtchn_upcall_mask = (context->rflags & pv::kFlagInterrupts) == 0;
    if (to_user) {
        vcpu.pv.in_kernel = false;
        hal::switch_mode(vcpu);
    }
    return Answer::unchanged();
}

} // namespace zocalo::hv
