# SPDX-License-Identifier: Apache-2.0
"""The smallest PV kernel that both toolstacks take: one page that waits for ever without using the processor.

What is left of creating such a guest is the toolstack's own work, not the copying of a kernel.
Sources: the ELF-64 object file format; xen/include/public/elfnote.h; sched.h (SCHEDOP_poll).
"""
import struct

BASE = 0xFFFFFFFF80000000
AT = 0x100000  # physical, behind what a PC has below 1 MiB
PAGE = 4096
CODE_AT = 0x400
POLL_AT = 0x500  # struct sched_poll, all zeros: no ports, no time-out

SCHED_OP, SCHEDOP_POLL = 29, 3
ENTRY, VIRT_BASE, PADDR_OFFSET, XEN_VERSION, GUEST_OS, LOADER, PAE_MODE = 1, 3, 4, 5, 6, 8, 9


def note(kind: int, value: int | str) -> bytes:
    body = struct.pack("<Q", value) if isinstance(value, int) else value.encode() + b"\0"
    return struct.pack("<III", 4, len(body), kind) + b"Xen\0" + body + bytes(-len(body) % 4)


def code() -> bytes:
    """again: mov eax, sched_op; mov edi, poll; mov rsi, argument; syscall; jmp again"""
    body = (b"\xb8" + struct.pack("<I", SCHED_OP) + b"\xbf" + struct.pack("<I", SCHEDOP_POLL)
            + b"\x48\xbe" + struct.pack("<Q", BASE + AT + POLL_AT) + b"\x0f\x05")
    return body + b"\xeb" + struct.pack("<b", -len(body) - 2)


# Uses all the processor it is given: nop, many times, and jmp to the first. One instruction that jumps to itself does
# as well, but an emulator is slow at it: each is a block of its own.
NOPS = 240
HOG = b"\x90" * NOPS + b"\xe9" + struct.pack("<i", -NOPS - 5)


def image(does: bytes | None = None) -> bytes:
    """The kernel's file; `does` is what it executes, if not waiting."""
    notes = b"".join((note(ENTRY, BASE + AT + CODE_AT), note(VIRT_BASE, BASE), note(PADDR_OFFSET, 0),
                      note(XEN_VERSION, "xen-3.0"), note(GUEST_OS, "waiter"), note(LOADER, "generic"),
                      note(PAE_MODE, "yes")))
    headers = 64 + 2 * 56
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, BASE + AT + CODE_AT, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, 0, BASE + AT, AT, PAGE, PAGE, PAGE)
    told = struct.pack("<IIQQQQQQ", 4, 4, headers, BASE + AT + headers, AT + headers, len(notes), len(notes), 4)
    page = elf + load + told + notes
    page += bytes(CODE_AT - len(page)) + (does or code())
    return page + bytes(PAGE - len(page))
