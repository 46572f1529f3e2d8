// SPDX-License-Identifier: Apache-2.0
// From the boot loader (Multiboot 1, section 3.2, or 2, section 3.3: 32-bit, paging off) to 64-bit
// C++, which tells the two apart by the magic number in EAX. The first page tables map 0-4 GiB three times: at 0 (until the jump), as the image, and as the direct map.
#define PHYSICAL(symbol) (symbol - 0xffff828000000000)
#define MULTIBOOT_FLAGS 0x00010003 /* aligned modules, memory map, address fields */

    .section .multiboot, "ax"
    .balign 4
multiboot_header:
    .long 0x1badb002
    .long MULTIBOOT_FLAGS
    .long -(0x1badb002 + MULTIBOOT_FLAGS)
    .long PHYSICAL(multiboot_header)
    .long PHYSICAL(image_start)
    .long PHYSICAL(image_load_end)
    .long PHYSICAL(image_end)
    .long PHYSICAL(multiboot_entry)

    // Multiboot 2, section 3.1: the same, as tags.
    .balign 8
multiboot2_header:
    .long 0xe85250d6
    .long 0 // i386, protected mode
    .long multiboot2_end - multiboot2_header
    .long -(0xe85250d6 + (multiboot2_end - multiboot2_header))
    .short 2, 0 // where to load
    .long 24
    .long PHYSICAL(multiboot2_header)
    .long PHYSICAL(image_start)
    .long PHYSICAL(image_load_end)
    .long PHYSICAL(image_end)
    .short 3, 0 // where to enter
    .long 12
    .long PHYSICAL(multiboot_entry)
    .balign 8
    .short 6, 0 // aligned modules
    .long 8
    .short 0, 0
    .long 8
multiboot2_end:

    .text
    .code32
    .globl multiboot_entry
multiboot_entry:
    cld
    cli
    mov $PHYSICAL(boot_stack_end), %esp
    mov %eax, %ebp
    mov %ebx, %esi
    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    and $(1 << 29 | 1 << 20), %edx // long mode, no-execute
    cmp $(1 << 29 | 1 << 20), %edx
    jne no_long_mode

    // 2048 entries of 2 MiB.
    mov $PHYSICAL(boot_l2), %edi
    mov $0x83, %eax // present, writable, large
    xor %ecx, %ecx
1:  mov %eax, (%edi,%ecx,8)
    add $0x200000, %eax
    inc %ecx
    cmp $2048, %ecx
    jne 1b
    mov $PHYSICAL(boot_l2) + 3, %eax
    mov %eax, PHYSICAL(boot_l3)
    add $0x1000, %eax
    mov %eax, PHYSICAL(boot_l3) + 8
    add $0x1000, %eax
    mov %eax, PHYSICAL(boot_l3) + 16
    add $0x1000, %eax
    mov %eax, PHYSICAL(boot_l3) + 24
    mov $PHYSICAL(boot_l3) + 3, %eax
    mov %eax, PHYSICAL(boot_l4)
    mov %eax, PHYSICAL(boot_l4) + 261 * 8
    mov %eax, PHYSICAL(boot_l4) + 262 * 8

    mov $PHYSICAL(boot_l4), %eax
    .globl enter_long_mode
enter_long_mode: // eax: physical address of an L4; ebp, esi: passed on
    mov %eax, %cr3
    mov $0x20, %eax // CR4.PAE
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x901, %eax // EFER: NXE, LME, SCE
    wrmsr
    mov $0x80050033, %eax // CR0: PG AM WP NE ET MP PE
    mov %eax, %cr0
    lgdt PHYSICAL(boot_gdt_pointer)
    ljmp $0xe008 - 0xe000, $PHYSICAL(low64)

no_long_mode:
    mov $PHYSICAL(no_long_mode_text), %esi
2:  lodsb
    test %al, %al
    jz 3f
    mov $0x3f8, %dx
    out %al, %dx
    jmp 2b
3:  hlt
    jmp 3b

    .code64
low64:
    movabs $high64, %rax
    jmp *%rax
high64:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov $0x10, %eax
    mov %eax, %ss
    mov other_cpu_stack(%rip), %rax
    test %rax, %rax
    jz 1f
    // A further processor: straight to the final page tables and its own stack.
    mov other_cpu_root(%rip), %rcx
    mov %rcx, %cr3
    mov %rax, %rsp
    xor %ebp, %ebp
    call start_other_cpu
1:  lea boot_stack_end(%rip), %rsp
    mov %ebp, %edi
    mov %esi, %esi
    xor %ebp, %ebp
    call start_hypervisor
1:  hlt
    jmp 1b

    // Copied to low memory, where further processors start in real mode (boot/other_cpus.cpp).
    .code16
    .globl other_cpu_start, other_cpu_start_end
other_cpu_start:
    cli
    cld
    mov $(other_cpu_gdt_pointer - other_cpu_start), %bx
    mov %cs, %ax
    mov %ax, %ds
    lgdtl (%bx)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x18, $PHYSICAL(other_cpu_protected)
    .balign 4
other_cpu_gdt_pointer:
    .word 31
    .long PHYSICAL(boot_gdt)
other_cpu_start_end:

    .code32
other_cpu_protected:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $PHYSICAL(boot_l4), %eax
    jmp enter_long_mode

    .section .rodata
no_long_mode_text:
    .asciz "zocalo: this processor has no 64-bit mode with no-execute pages; use another one\r\n"
    .balign 8
    .globl boot_gdt
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 0x08: 64-bit code
    .quad 0x00cf93000000ffff // 0x10: data
    .quad 0x00cf9b000000ffff // 0x18: 32-bit code
boot_gdt_pointer:
    .word 31
    .long PHYSICAL(boot_gdt)

    .data
    .balign 8
    .globl other_cpu_stack, other_cpu_root
other_cpu_stack:
    .quad 0
other_cpu_root:
    .quad 0

    .bss
    .balign 4096
boot_l4:
    .skip 4096
boot_l3:
    .skip 4096
boot_l2:
    .skip 4 * 4096
boot_stack:
    .skip 32768
    .globl boot_stack_end
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
