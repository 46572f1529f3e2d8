// SPDX-License-Identifier: Apache-2.0
// What the compiler calls by itself (C11 7.24).
    .text
    .globl memcpy, memset, memmove, memcmp, strlen
memcpy:
    mov %rdi, %rax
    mov %rdx, %rcx
    rep movsb
    ret

memset:
    mov %rdi, %r8
    mov %esi, %eax
    mov %rdx, %rcx
    rep stosb
    mov %r8, %rax
    ret

memmove:
    mov %rdi, %rax
    sub %rsi, %rax
    cmp %rdx, %rax
    jae memcpy // also when the target is below the source
    mov %rdi, %rax
    lea -1(%rdi,%rdx), %rdi
    lea -1(%rsi,%rdx), %rsi
    mov %rdx, %rcx
    std
    rep movsb
    cld
    ret

memcmp:
    xor %eax, %eax
    mov %rdx, %rcx
    test %rcx, %rcx
    jz 1f
    repe cmpsb
    movzbl -1(%rdi), %eax
    movzbl -1(%rsi), %ecx
    sub %ecx, %eax
1:  ret

strlen:
    xor %eax, %eax
1:  cmpb $0, (%rdi,%rax)
    je 2f
    inc %rax
    jmp 1b
2:  ret

    .section .note.GNU-stack, "", @progbits
