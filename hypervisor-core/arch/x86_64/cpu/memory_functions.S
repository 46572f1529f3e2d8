// SPDX-License-Identifier: Apache-2.0
// What the compiler calls by itself (C11 7.24), and guest copies that end early on a fault instead of
// trapping: a faulting instruction listed in .fixups continues at its landing place (entry/traps.cpp).
    .text
    .globl memcpy, memmove, memset, memcmp, memchr, strlen
memcpy:
    mov %rdi, %rax
    mov %rdx, %rcx
    shr $3, %rcx
    rep movsq
    mov %edx, %ecx
    and $7, %ecx
    rep movsb
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

memset:
    mov %rdi, %r8
    movzbl %sil, %eax
    movabs $0x0101010101010101, %rcx
    imul %rcx, %rax
    mov %rdx, %rcx
    shr $3, %rcx
    rep stosq
    mov %edx, %ecx
    and $7, %ecx
    rep stosb
    mov %r8, %rax
    ret

memcmp:
    xor %eax, %eax
    xor %ecx, %ecx
1:  cmp %rdx, %rcx
    je 2f
    movzbl (%rdi,%rcx), %eax
    movzbl (%rsi,%rcx), %r8d
    inc %rcx
    sub %r8d, %eax
    jz 1b
2:  ret

memchr:
    lea (%rdi,%rdx), %rcx
1:  cmp %rcx, %rdi
    je 2f
    cmp %sil, (%rdi)
    je 3f
    inc %rdi
    jmp 1b
2:  xor %edi, %edi
3:  mov %rdi, %rax
    ret

strlen:
    xor %eax, %eax
1:  cmpb $0, (%rdi,%rax)
    je 2f
    inc %rax
    jmp 1b
2:  ret

// bool guest_copy(void* to, const void* from, size_t bytes): false after a fault
    .globl guest_copy
guest_copy:
    lfence // the caller's check of the address has been made, not only guessed
    mov %rdx, %rcx
    shr $3, %rcx
1:  rep movsq
    and $7, %edx
    jz 3f
    mov %edx, %ecx
2:  rep movsb
3:  mov $1, %eax
    ret
4:  xor %eax, %eax
    ret

    .section .fixups, "a"
    .quad 1b, 4b
    .quad 2b, 4b

    .section .note.GNU-stack, "", @progbits
