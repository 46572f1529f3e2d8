// SPDX-License-Identifier: Apache-2.0
// Exceptions, events and system calls of the guest: `guarded` runs a function and tells which
// exception ended it; `in_user_space` does so in the guest's user space.
#pragma once

#include <xen/xen.h>

#include <cstdint>
#include <memory>

namespace zocalo::guest {

// As start.S pushes them.
struct Registers {
    std::uint64_t r15, r14, r13, r12, rbp, rbx;
    std::uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    std::uint64_t vector, error;
    std::uint64_t rip, cs, rflags, rsp, ss;
};

inline constexpr std::uint64_t kNoTrap = ~std::uint64_t{0};
inline constexpr std::uint64_t kEvent = 0x200, kSyscall = 0x201, kFailsafe = 0x202; // as vectors

// Vectors of exceptions.
inline constexpr unsigned kDivide = 0, kDebug = 1, kBreakpoint = 3, kInvalidOpcode = 6, kNoFpu = 7;
inline constexpr unsigned kNotPresent = 11, kStackFault = 12, kProtection = 13, kPageFault = 14;
inline constexpr unsigned kFpuError = 16, kAlignment = 17, kSimd = 19;
// Error code bits of page faults.
inline constexpr std::uint64_t kFaultPresent = 1, kFaultWrite = 2, kFaultUser = 4, kFaultFetch = 16;

struct Trap {
    std::uint64_t vector{kNoTrap}; // kNoTrap: the function returned
    std::uint64_t error{};
    std::uint64_t address{}; // CR2, of a page fault
    Registers at{};          // where it happened
};

void start_traps();

std::int64_t set_trap_table(const trap_info* table);
// The handler of vector `n` that start_traps() installs.
std::uint64_t trap_entry(unsigned vector);
std::int64_t register_callback(std::uint16_t type, std::uint64_t address, std::uint16_t flags = 1);
std::uint64_t event_entry_address();
std::uint64_t syscall_entry_address();
std::uint64_t failsafe_entry_address();

Trap run_guarded(void (*function)(void*), void* argument);
template <class Function> Trap guarded(Function function)
{
    return run_guarded(
        [](void* argument) { (*static_cast<Function*>(argument))(); }, std::addressof(function)
    );
}

// Runs `function` in user space, with the same page tables; its end, usually a system call, comes
// back as a Trap, with the registers it had. `flags`: RFLAGS to add.
Trap in_user_space(
    void (*function)(std::uint64_t), std::uint64_t argument, std::uint64_t flags = 0
);
// What such a function ends with.
[[noreturn]] inline void leave_user_space(std::uint64_t result)
{
    for (;;)
        asm volatile("syscall" : : "a"(result) : "rcx", "r11", "memory");
}
Trap run_iret(const struct iret_context& context, std::uint64_t argument);
// A context of user space that can be changed before it is run.
struct iret_context user_context(void (*function)(std::uint64_t));
void make_user_tables();

// Called for event upcalls, to look at the pending bits; by default they are left to whoever polls.
extern void (*on_event)(Registers&);
// Asked before a trap is given to whoever guards; true: dealt with, go on at what is in the
// registers.
extern bool (*on_trap)(Registers&);

// What the failsafe callback was given: ds, es, fs, gs.
extern "C" std::uint64_t failsafe_selectors[4];

} // namespace zocalo::guest
