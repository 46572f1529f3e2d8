// SPDX-License-Identifier: Apache-2.0
// Start of day, and every way into the guest's kernel: what Xen's public interface (xen/arch-x86/xen.h)
// leaves on the stack becomes a Registers (trap.hpp), and goes back with the iret hypercall.
#define HYPERVISOR_IRET 23
#define FLAT_CS 0xe033
#define FLAT_SS 0xe02b

    .macro note type, kind:vararg
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \kind
2:  .balign 4
    .endm

    note 1, .quad guest_entry
    note 2, .quad hypercall_page
    note 3, .quad 0xffffffff80000000
    note 4, .quad 0
    note 5, .asciz "xen-3.0"
    note 6, .asciz "zocalo-test"
    note 7, .asciz "1"
    note 8, .asciz "generic"
    note 9, .asciz "yes"
    note 10, .asciz "!writable_page_tables|pae_pgdir_above_4gb"

    .section .text.hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .fill 4096, 1, 0xcc

    .text
    .globl guest_entry
guest_entry:
    mov %rsi, info(%rip)
    lea cpu_stacks + 0x4000(%rip), %rsp
    xor %ebp, %ebp
    cld
    call guest_main
1:  jmp 1b

    // A further vCPU: rdi is what it calls (vcpu.cpp fills the context).
    .globl other_vcpu_entry
other_vcpu_entry:
    xor %ebp, %ebp
    call *%rdi
1:  jmp 1b

    .macro save_registers
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

trap_common:
    save_registers
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call handle_trap
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $8, %rsp
    movq $0, (%rsp) // in place of the error code: struct iret_context's flags
    push %rcx
    push %r11
    push %rax
    mov $HYPERVISOR_IRET, %eax
    syscall
    ud2

    // 16 bytes for each vector.
    .balign 16
    .globl trap_entries
trap_entries:
    .set vector, 0
    .rept 256
    .balign 16
    pop %rcx
    pop %r11
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push $0
    .endif
    push $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .globl event_entry, syscall_entry, failsafe_entry
event_entry:
    pop %rcx
    pop %r11
    push $0
    push $0x200
    jmp trap_common
syscall_entry:
    pop %rcx
    pop %r11
    push $0
    push $0x201
    jmp trap_common
    // Four data selectors are in the way: they go to failsafe_selectors, lowest first.
failsafe_entry:
    pop %rcx
    pop %r11
    pop failsafe_selectors(%rip)
    pop failsafe_selectors + 8(%rip)
    pop failsafe_selectors + 16(%rip)
    pop failsafe_selectors + 24(%rip)
    push $0
    push $0x202
    jmp trap_common

    // void call_guarded(uint64_t* stack, void (*function)(void*), void* argument): the stack pointer to
    // come back with goes to *stack, for leave_guarded.
    .globl call_guarded, leave_guarded
call_guarded:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    mov %rsp, (%rdi)
    mov %rdx, %rdi
    call *%rsi
leave_guarded:
    add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    // void enter_user(const iret_context*, uint64_t argument): with rdi the argument
    .globl enter_user
enter_user:
    mov %rdi, %rax
    sub $72, %rsp
    .set at, 0
    .rept 9
    mov at(%rax), %rcx
    mov %rcx, at(%rsp)
    .set at, at + 8
    .endr
    mov %rsi, %rdi
    mov $HYPERVISOR_IRET, %eax
    syscall
    ud2

    .section .note.GNU-stack, "", @progbits
