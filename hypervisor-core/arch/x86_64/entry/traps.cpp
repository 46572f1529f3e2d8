// SPDX-License-Identifier: Apache-2.0
// What entry.S calls: system calls, exceptions and interrupts, from guests and from ourselves.
#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"
#include "hypervisor-core/arch/x86_64/entry/report.hpp"
#include "hypervisor-core/arch/x86_64/entry/work.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/call.hpp"
#include "hypervisor-core/pv/bounce.hpp"
#include "hypervisor-core/pv/emulate.hpp"

extern "C" char guest_iret[];
extern "C" [[noreturn]] void run_guest_on_stack(void* frame);
extern "C" const std::uint64_t image_fixups[], image_fixups_end[];

namespace zocalo::hv {
namespace {

constexpr unsigned kNmi = 2, kInvalidOpcode = 6, kNoFpu = 7, kProtection = 13, kPageFault = 14;
constexpr unsigned kFirstInterrupt = 32, kOldSyscall = 0x80;

void end_guest(Vcpu& vcpu, const TrapFrame& frame, std::string_view why)
{
    report_guest(vcpu, frame, why);
    const SystemGuard lock;
    crash_domain(*cpu_top().system, *vcpu.domain);
}

// Ends the guest unless it went well, which it answers.
bool must(bool went_well, Vcpu& vcpu, const TrapFrame& frame, std::string_view why)
{
    if (!went_well)
        end_guest(vcpu, frame, why);
    return went_well;
}

// These handlers answer whether there may be work before the guest goes on (prepare_exit): not when
// nothing but the vCPU's own state was touched. What other processors want of this one comes with
// an interrupt, which is taken before the guest's next instruction.
constexpr bool kNoWork = false, kPerhapsWork = true;

void answer_hypercall(Vcpu& vcpu, TrapFrame& frame)
{
    Call call{
        *cpu_top().system,
        vcpu,
        frame,
        frame.rax,
        {frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8}};
    const SystemGuard lock;
    const Answer answer = dispatch(call);
    switch (answer.kind()) {
    case Answer::Kind::value:
        frame.rax = static_cast<std::uint64_t>(answer.value());
        break;
    case Answer::Kind::again: {
        constexpr unsigned kSyscallBytes = 2;
        frame.rip -= kSyscallBytes;
        frame.rdi = answer.arguments()[0];
        frame.rsi = answer.arguments()[1];
        frame.rdx = answer.arguments()[2];
        frame.r10 = answer.arguments()[3];
        frame.r8 = answer.arguments()[4];
        break;
    }
    case Answer::Kind::unchanged:
        break;
    }
}

bool answer_iret(Vcpu& vcpu, TrapFrame& frame)
{
    return !must(pv::return_from_kernel(vcpu, frame), vcpu, frame, "an iret that leads nowhere") ||
           pv::events_wait(vcpu);
}

bool guest_page_fault(Vcpu& vcpu, TrapFrame& frame)
{
    const std::uint64_t address = x86::read_cr2();
    constexpr std::uint32_t kPresent = 1, kWrite = 2;
    constexpr std::uint32_t kForbiddenWrite = kPresent | kWrite;
    if (vcpu.pv.in_kernel && (frame.error_code & kForbiddenWrite) == kForbiddenWrite) {
        const SystemGuard lock;
        if (pv::emulate_table_write(*cpu_top().system, vcpu, frame, address))
            return kNoWork;
    }
    return !must(
        pv::inject_page_fault(vcpu, frame, address, frame.error_code),
        vcpu,
        frame,
        "a page fault that its kernel cannot take"
    );
}

// INT n through a gate that is not there: the error code names the vector.
bool is_software_interrupt(Vcpu& vcpu, TrapFrame& frame)
{
    constexpr std::uint32_t kIdt = 2;
    constexpr unsigned kInstructionBytes = 2;
    const unsigned vector = frame.error_code >> 3 & 0xff;
    const unsigned ring = vcpu.pv.in_kernel ? 1 : 3;
    if ((frame.error_code & 7) != kIdt || TI_GET_DPL(&vcpu.pv.traps[vector]) < ring)
        return false;
    frame.rip += kInstructionBytes;
    must(pv::inject(vcpu, frame, vector, 0), vcpu, frame, "a software interrupt without handler");
    return true;
}

void guest_exception(Vcpu& vcpu, TrapFrame& frame)
{
    switch (frame.vector) {
    case kInvalidOpcode:
        if (pv::emulate_forced_cpuid(*cpu_top().system, vcpu, frame))
            return;
        break;
    case kNoFpu:
        vcpu.pv.task_switched = false;
        hal::set_task_switched(false);
        break;
    case kProtection:
        if (frame.error_code == 0 && vcpu.pv.in_kernel) {
            const SystemGuard lock;
            if (pv::emulate_privileged(*cpu_top().system, vcpu, frame))
                return;
        }
        if (is_software_interrupt(vcpu, frame))
            return;
        break;
    default:
        break;
    }
    must(
        pv::inject(vcpu, frame, frame.vector, frame.error_code),
        vcpu,
        frame,
        "an exception without a handler"
    );
}

// The way back to a guest failed: its selectors or its stack are bad. Its registers, which were
// already restored, lie in `fault`; where it wanted to go lies at the end of the stack.
void failed_return(const TrapFrame& fault)
{
    TrapFrame& frame = guest_frame(cpu_top().id);
    TrapFrame rebuilt = fault;
    rebuilt.rip = frame.rip;
    rebuilt.cs = frame.cs;
    rebuilt.rflags = frame.rflags;
    rebuilt.rsp = frame.rsp;
    rebuilt.ss = frame.ss;
    frame = rebuilt;
    end_guest(*cpu_top().loaded, frame, "a return to bad segments");
    run_guest_on_stack(&frame);
}

std::uint64_t landing_place(std::uint64_t rip)
{
    for (const std::uint64_t* at = image_fixups; at != image_fixups_end; at += 2)
        if (at[0] == rip)
            return at[1];
    return 0;
}

} // namespace

extern "C" bool handle_syscall(TrapFrame* frame)
{
    Vcpu& vcpu = *cpu_top().loaded;
    if (!vcpu.pv.in_kernel)
        return !must(
            pv::guest_syscall(vcpu, *frame),
            vcpu,
            *frame,
            "a system call that its kernel cannot take"
        );
    if (frame->rax == __HYPERVISOR_iret)
        return answer_iret(vcpu, *frame);
    answer_hypercall(vcpu, *frame);
    return kPerhapsWork;
}

extern "C" bool handle_guest_trap(TrapFrame* frame)
{
    if (frame->vector == kPageFault)
        return guest_page_fault(*cpu_top().loaded, *frame);
    if (frame->vector >= kFirstInterrupt && frame->vector != kOldSyscall)
        handle_interrupt(frame->vector);
    else
        guest_exception(*cpu_top().loaded, *frame);
    return kPerhapsWork;
}

extern "C" void handle_own_trap(TrapFrame* frame)
{
    if (frame->vector >= kFirstInterrupt) {
        handle_interrupt(frame->vector);
        return;
    }
    if (frame->vector == kNmi)
        return;
    if (const std::uint64_t landing = landing_place(frame->rip); landing != 0) {
        frame->rip = landing;
        return;
    }
    if (frame->rip == reinterpret_cast<std::uint64_t>(guest_iret))
        failed_return(*frame);
    report_own(*frame);
}

} // namespace zocalo::hv
