#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the linked hypervisor image: no segment both writable and executable, loadable by Multiboot's
address fields, not too large, no relocations left."""
import struct
import sys

MAX_BYTES = 4 << 20
PT_LOAD, PT_DYNAMIC, PT_INTERP, PF_X, PF_W = 1, 2, 3, 1, 2


def check(image: bytes) -> list[str]:
    """What is wrong with the image; nothing when it may be booted."""
    if image[:5] != b"\x7fELF\x02":
        return ["not a 64-bit ELF file"]
    at, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    wrong, distances, total = [], set(), 0
    for index in range(count):
        kind, flags, offset, _, paddr, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", image, at + index * size)
        if kind in (PT_DYNAMIC, PT_INTERP):
            wrong.append("the image wants a dynamic linker")
        if kind != PT_LOAD:
            continue
        if flags & PF_X and flags & PF_W:
            wrong.append(f"the segment at {paddr:#x} is writable and executable")
        if filesz:
            distances.add(paddr - offset)
        total += memsz
    if len(distances) != 1:
        wrong.append(f"segments move against the file: {sorted(hex(d) for d in distances)}")
    if total > MAX_BYTES:
        wrong.append(f"{total} bytes in memory, at most {MAX_BYTES}")
    if image.find(struct.pack("<I", 0x1badb002), 0, 8192) < 0:
        wrong.append("no Multiboot header in the first 8 KiB")
    return wrong


def main() -> int:
    wrong = check(open(sys.argv[1], "rb").read())
    for line in wrong:
        print(f"{sys.argv[1]}: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
