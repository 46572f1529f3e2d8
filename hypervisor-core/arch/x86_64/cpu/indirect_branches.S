// SPDX-License-Identifier: Apache-2.0
// What the compiler calls instead of jumping through a register (-mindirect-branch=thunk-extern): a
// return whose prediction leads nowhere ("retpoline", Turner, 2018), so that what a guest has taught
// the branch predictor does not steer the hypervisor. cpu/speculation.cpp puts plain jumps in their
// place where the processor needs no such thing. 32 bytes each, by register number.
    .macro thunk register
    .balign 32
    .globl __x86_indirect_thunk_\register
__x86_indirect_thunk_\register:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  mov %\register, (%rsp)
    ret
    .endm

    .text
    .balign 32
    .globl indirect_thunks, indirect_thunks_end
indirect_thunks:
    thunk rax
    thunk rcx
    thunk rdx
    thunk rbx
    .balign 32
    .skip 32, 0xcc // rsp: no compiler jumps there
    thunk rbp
    thunk rsi
    thunk rdi
    thunk r8
    thunk r9
    thunk r10
    thunk r11
    thunk r12
    thunk r13
    thunk r14
    thunk r15
    .balign 32
indirect_thunks_end:

    .section .note.GNU-stack, "", @progbits
