// SPDX-License-Identifier: Apache-2.0
// Every way into the hypervisor and the ways out. Registers are pushed as a TrapFrame
// (domain/trap_frame.hpp); C++ takes its address. No GS here: it stays the guest's.
#define SYSCALL_VECTOR 0x100
#define RING3_CS 0xe033 /* FLAT_RING3_CS64 */
#define RING3_CS32 0xe023 /* FLAT_RING3_CS32 */
#define RING3_SS 0xe02b /* FLAT_RING3_SS64 */
#define FRAME_CS 136

    .macro push_registers
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

    .macro pop_registers
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
    .endm

    // Copied to the start of each processor's area, in front of its CpuPage; the two jumps to
    // syscall_entry are filled in there (cpu/descriptors.cpp), because the distance differs.
    .section .text.syscall_page, "ax"
    .balign 4096
    .globl syscall_page, syscall_jump, syscall_jump32
syscall_page:
    mov %rsp, syscall_page + 4096(%rip)
    mov syscall_page + 4096 + 8(%rip), %rsp
    push $RING3_SS
    push syscall_page + 4096(%rip)
    push %r11
    push $RING3_CS
    push %rcx
syscall_jump:
    .byte 0xe9
    .long 0
    .balign 64
    // From 32-bit code: the same, with its own code segment.
    mov %rsp, syscall_page + 4096(%rip)
    mov syscall_page + 4096 + 8(%rip), %rsp
    push $RING3_SS
    push syscall_page + 4096(%rip)
    push %r11
    push $RING3_CS32
    push %rcx
syscall_jump32:
    .byte 0xe9
    .long 0
    .balign 4096

    .text
    .globl syscall_entry
syscall_entry:
    sub $8, %rsp
    movl $0, (%rsp)
    movl $SYSCALL_VECTOR, 4(%rsp)
    push_registers
    mov %rsp, %rdi
    call handle_syscall
    test %al, %al
    jz 1f

    .globl exit_to_guest
exit_to_guest:
    mov %rsp, %rdi
    call prepare_exit
1:  pop_registers
    .globl guest_iret
guest_iret:
    iretq

trap_common:
    cld
    push_registers
    mov %rsp, %rdi
    testb $3, FRAME_CS(%rsp)
    jz 1f
    call handle_guest_trap
    test %al, %al
    jnz exit_to_guest
    pop_registers
    jmp guest_iret
1:  call handle_own_trap
    pop_registers
    iretq

    // Debug exceptions come on a stack of their own; a guest's goes on on the usual one.
debug_trap:
    cld
    push_registers
    mov %rsp, %rdi
    testb $3, FRAME_CS(%rsp)
    jz 1f
    call move_to_own_stack
    mov %rax, %rsp
    mov %rax, %rdi
    call handle_guest_trap
    jmp exit_to_guest
1:  call handle_own_trap
    pop_registers
    iretq

    // NMI, double fault, machine check: on stacks of their own, whoever was interrupted.
spare_stack_trap:
    cld
    push_registers
    mov %rsp, %rdi
    call handle_own_trap
    pop_registers
    iretq

    // 16 bytes per vector.
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    movl $vector, 4(%rsp)
    .if vector == 2 || vector == 8 || vector == 18
    jmp spare_stack_trap
    .elseif vector == 1
    jmp debug_trap
    .else
    jmp trap_common
    .endif
    .set vector, vector + 1
    .endr

    // [[noreturn]] void enter_first_guest(): with a filled TrapFrame below CpuTop
    .globl run_guest_on_stack
run_guest_on_stack:
    mov %rdi, %rsp
    jmp exit_to_guest

    // [[noreturn]] void call_on_stack(uint64_t stack, void (*function)())
    .globl call_on_stack
call_on_stack:
    mov %rdi, %rsp
    xor %ebp, %ebp
    call *%rsi
1:  hlt
    jmp 1b

    // bool load_gs_selector(uint16_t): false after a fault, with GS null
    .globl load_gs_selector
load_gs_selector:
1:  mov %edi, %gs
    mov $1, %eax
    ret
2:  xor %eax, %eax
    mov %eax, %gs
    ret
    // bool load_data_selectors(uint16_t ds, uint16_t es, uint16_t fs): false when one was bad, which is
    // null then
    .globl load_data_selectors
load_data_selectors:
    mov $1, %eax
3:  mov %edi, %ds
4:  mov %esi, %es
5:  mov %edx, %fs
    ret
6:  xor %edi, %edi
    xor %eax, %eax
    jmp 3b
7:  xor %esi, %esi
    xor %eax, %eax
    jmp 4b
8:  xor %edx, %edx
    xor %eax, %eax
    jmp 5b

    .section .fixups, "a"
    .quad 1b, 2b
    .quad 3b, 6b
    .quad 4b, 7b
    .quad 5b, 8b

    .section .note.GNU-stack, "", @progbits
