// SPDX-License-Identifier: Apache-2.0
#include "tests/guest/lib/trap.hpp"

#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/vcpu.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/callback.h>

#include <array>

extern "C" char trap_entries[], event_entry[], syscall_entry[], failsafe_entry[], leave_guarded[];
extern "C" void call_guarded(std::uint64_t* stack, void (*function)(void*), void* argument);
extern "C" void enter_user(const iret_context* context, std::uint64_t argument);
std::uint64_t failsafe_selectors[4];

namespace zocalo::guest {

void (*on_event)(Registers&) = nullptr;
bool (*on_trap)(Registers&) = nullptr;

namespace {

constexpr std::uint64_t kEntryBytes = 16;

// Who waits for an exception, by vCPU.
struct Guard {
    std::uint64_t stack{};
    Trap* trap{};
};
std::array<Guard, kMaxVcpus> guards;

Page user_stack;

std::uint64_t address_of(const char* symbol)
{
    return reinterpret_cast<std::uint64_t>(symbol);
}

void report(const Registers& at)
{
    print("unexpected trap ", hex(at.vector), " error ", hex(at.error), " at ", hex(at.rip));
    print(" cs ", hex(at.cs), " rsp ", hex(at.rsp), " cr2 ", hex(vcpu_area().arch.cr2), "\n");
}

struct UserRun {
    const iret_context* context;
    std::uint64_t argument;
};

} // namespace

extern "C" void handle_trap(Registers* at)
{
    if (at->vector == kEvent) {
        vcpu_area().evtchn_upcall_pending = 0; // or it would come again for ever
        if (on_event != nullptr)
            on_event(*at);
        else
            vcpu_area().evtchn_pending_sel =
                0; // or the next event of the same word would be silent
        return;
    }
    if (on_trap != nullptr && on_trap(*at))
        return;
    Guard& guard = guards[this_vcpu()];
    if (guard.trap == nullptr) {
        report(*at);
        end_with_error("nobody expected this exception");
    }
    *guard.trap = {at->vector, at->error, vcpu_area().arch.cr2, *at};
    guard.trap = nullptr;
    at->rip = address_of(leave_guarded);
    at->cs = FLAT_KERNEL_CS & ~3;
    at->ss = FLAT_KERNEL_SS;
    at->rsp = guard.stack;
    constexpr std::uint64_t kInterrupts = 1 << 9;
    at->rflags = (at->rflags & kInterrupts) | 2;
}

void start_traps()
{
    static std::array<trap_info, 257> table;
    for (unsigned vector = 0; vector < 256; ++vector) {
        const bool from_user = vector == kBreakpoint || vector == 4 || vector >= 0x20;
        table[vector] = {
            static_cast<std::uint8_t>(vector),
            static_cast<std::uint8_t>(from_user ? 3 | 4 : 4),
            FLAT_KERNEL_CS,
            trap_entry(vector)};
    }
    check(set_trap_table(table.data()) == 0, "set_trap_table");
    check(register_callback(CALLBACKTYPE_event, address_of(event_entry)) == 0, "event callback");
    check(register_callback(CALLBACKTYPE_failsafe, address_of(failsafe_entry)) == 0, "failsafe");
    check(register_callback(CALLBACKTYPE_syscall, address_of(syscall_entry)) == 0, "syscall");
}

std::int64_t set_trap_table(const trap_info* table)
{
    return hypercall(__HYPERVISOR_set_trap_table, table);
}

std::uint64_t trap_entry(unsigned vector)
{
    return address_of(trap_entries) + vector * kEntryBytes;
}

std::int64_t register_callback(std::uint16_t type, std::uint64_t address, std::uint16_t flags)
{
    callback_register args{type, flags, address};
    return hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &args);
}

std::uint64_t event_entry_address()
{
    return address_of(event_entry);
}
std::uint64_t syscall_entry_address()
{
    return address_of(syscall_entry);
}
std::uint64_t failsafe_entry_address()
{
    return address_of(failsafe_entry);
}

Trap run_guarded(void (*function)(void*), void* argument)
{
    Trap trap;
    Guard& guard = guards[this_vcpu()];
    guard.trap = &trap;
    call_guarded(&guard.stack, function, argument);
    guard.trap = nullptr;
    return trap;
}

void make_user_tables()
{
    static bool made = false;
    if (!made)
        check(mmuext(MMUEXT_NEW_USER_BASEPTR, root_mfn()) == 0, "MMUEXT_NEW_USER_BASEPTR");
    made = true;
}

iret_context user_context(void (*function)(std::uint64_t))
{
    iret_context context{};
    context.rip = reinterpret_cast<std::uint64_t>(function);
    context.cs = FLAT_USER_CS64;
    context.rflags = 1 << 9;
    // As if it had been called.
    context.rsp = reinterpret_cast<std::uint64_t>(&user_stack) + kPageSize - 8;
    context.ss = FLAT_USER_SS64;
    return context;
}

Trap run_iret(const iret_context& context, std::uint64_t argument)
{
    make_user_tables();
    UserRun run{&context, argument};
    const auto enter = [](void* what) {
        auto& wanted = *static_cast<UserRun*>(what);
        std::uint64_t sp;
        asm volatile("mov %%rsp, %0" : "=r"(sp));
        hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, sp - 1024);
        enter_user(wanted.context, wanted.argument);
    };
    return run_guarded(enter, &run);
}

Trap in_user_space(void (*function)(std::uint64_t), std::uint64_t argument, std::uint64_t flags)
{
    iret_context context = user_context(function);
    context.rflags |= flags;
    return run_iret(context, argument);
}

} // namespace zocalo::guest
