// SPDX-License-Identifier: Apache-2.0
// What entry.S calls: system calls, exceptions and interrupts, from guests and from ourselves.
#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/descriptors.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"
#include "hypervisor-core/arch/x86_64/entry/report.hpp"
#include "hypervisor-core/arch/x86_64/entry/work.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/call.hpp"
#include "hypervisor-core/pv/bounce.hpp"
#include "hypervisor-core/pv/debug_registers.hpp"
#include "hypervisor-core/pv/emulate.hpp"
#include "hypervisor-core/pv/local_table.hpp"

extern "C" char guest_iret[];
extern "C" [[noreturn]] void run_guest_on_stack(void* frame);
extern "C" const std::uint64_t image_fixups[], image_fixups_end[];

namespace zocalo::hv {

extern "C" bool handle_guest_trap(TrapFrame* frame);

namespace {

constexpr unsigned kDebug = 1, kNmi = 2, kInvalidOpcode = 6, kNoFpu = 7, kProtection = 13,
                   kPageFault = 14;
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

// A descriptor in a page of the LDT that the processor was not shown yet: it is now, or the fault
// is the guest's, at the address where it sees its table.
bool missed_descriptor(Vcpu& vcpu, TrapFrame& frame, std::uint64_t& address)
{
    const std::uint64_t window = descriptor_window(cpu_top().id) + layout::kLdtOffset;
    const std::uint64_t offset = address - window;
    if (offset >= pv::kMostLocalEntries * sizeof(std::uint64_t))
        return false;
    const auto show = [&] {
        return pv::show_local_page(
            *cpu_top().system, vcpu, static_cast<unsigned>(offset >> kPageShift)
        );
    };
    bool shown;
    if (cpu_top().locks.holds(LockRank::system)) {
        shown = show();
    } else {
        const SystemGuard lock;
        shown = show();
    }
    if (shown)
        hal::load_ldt(vcpu);
    address = vcpu.pv.ldt_base + offset;
    frame.error_code = 0;
    return shown;
}

bool guest_page_fault(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address)
{
    if (missed_descriptor(vcpu, frame, address))
        return kNoWork;
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

constexpr std::uint32_t kIdtError = 2; // the error code names a gate: INT n
constexpr unsigned kIntBytes = 2;

bool may_interrupt(const Vcpu& vcpu, unsigned vector)
{
    const trap_info& trap = vcpu.pv.traps[vector];
    const unsigned ring = vcpu.pv.in_kernel ? 1 : 3;
    return trap.address != 0 && TI_GET_DPL(&trap) >= ring;
}

// INT n through a gate that is not there.
bool is_software_interrupt(Vcpu& vcpu, TrapFrame& frame)
{
    if ((frame.error_code & 7) != kIdtError)
        return false;
    // The instruction names the vector as well, and not every emulated processor's error code is
    // right.
    constexpr std::uint8_t kInt = 0xcd;
    std::array<std::uint8_t, kIntBytes> code{};
    unsigned vector = frame.error_code >> 3 & 0xff;
    if (hal::copy_from_guest(code.data(), frame.rip, code.size()) && code[0] == kInt) {
        vector = code[1];
        frame.error_code = vector << 3 | kIdtError;
    }
    if (!may_interrupt(vcpu, vector))
        return false;
    frame.rip += kIntBytes;
    must(pv::inject(vcpu, frame, vector, 0), vcpu, frame, "a software interrupt without handler");
    return true;
}

// INT 0x80 has a gate, which asks no guest whether it wants that.
void old_syscall(Vcpu& vcpu, TrapFrame& frame)
{
    bool taken;
    if (may_interrupt(vcpu, kOldSyscall)) {
        taken = pv::inject(vcpu, frame, kOldSyscall, 0);
    } else {
        frame.rip -= kIntBytes;
        taken = pv::inject(vcpu, frame, kProtection, kOldSyscall << 3 | kIdtError);
    }
    must(taken, vcpu, frame, "an INT 0x80 that its kernel cannot take");
}

void guest_exception(Vcpu& vcpu, TrapFrame& frame)
{
    switch (frame.vector) {
    case kOldSyscall:
        old_syscall(vcpu, frame);
        return;
    case kDebug:
        pv::take_debug_status(vcpu);
        break;
    case kInvalidOpcode:
        if (pv::emulate_forced_cpuid(*cpu_top().system, vcpu, frame))
            return;
        break;
    case kNoFpu:
        vcpu.pv.task_switched = false;
        hal::set_task_switched(false);
        break;
    case kProtection:
        if (frame.error_code == 0) {
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

// The way back to a guest failed: its selectors, their descriptors or its address are bad. To the
// guest that is an exception where it was to go on. Its registers, which were already restored, lie
// in `fault`; where it wanted to go lies at the end of the stack.
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
    handle_guest_trap(&frame);
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
    if (frame->cs == FLAT_RING3_CS32)
        return !must(
            pv::guest_syscall32(vcpu, *frame),
            vcpu,
            *frame,
            "a system call of 32-bit code that its kernel cannot take"
        );
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

// From the stack of debug exceptions to the processor's usual one, which is empty.
extern "C" TrapFrame* move_to_own_stack(const TrapFrame* frame)
{
    TrapFrame& moved = guest_frame(cpu_top().id);
    moved = *frame;
    return &moved;
}

extern "C" bool handle_guest_trap(TrapFrame* frame)
{
    if (frame->vector == kPageFault)
        return guest_page_fault(*cpu_top().loaded, *frame, x86::read_cr2());
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
    if (frame->vector == kDebug) { // a breakpoint of the guest on memory of its own that we touch
        if (cpu_top().loaded != nullptr)
            pv::take_debug_status(*cpu_top().loaded);
        return;
    }
    if (frame->vector == kPageFault && cpu_top().loaded != nullptr) {
        std::uint64_t address = x86::read_cr2();
        if (missed_descriptor(*cpu_top().loaded, *frame, address))
            return;
        if (frame->rip == reinterpret_cast<std::uint64_t>(guest_iret))
            x86::write_cr2(address);
    }
    if (const std::uint64_t landing = landing_place(frame->rip); landing != 0) {
        frame->rip = landing;
        return;
    }
    if (frame->rip == reinterpret_cast<std::uint64_t>(guest_iret))
        failed_return(*frame);
    report_own(*frame);
}

} // namespace zocalo::hv
