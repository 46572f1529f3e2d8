#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the names of an image's functions as assembly, for the image's second link: symbol_table.py IMAGE OUT.S

With --check it compares instead: the second link must not have moved a function. The rows of section .symbols are
an address and the address of a name, in order of addresses (hypervisor-core/console/symbols.hpp).
"""
import re
import subprocess
import sys
from pathlib import Path

LONGEST = 120


def short(name: str) -> str:
    """What a person needs to find the function: no parameters, no namespace of ours, no marks of the compiler."""
    name = name.replace("(anonymous namespace)::", "").replace("zocalo::hv::", "").replace("[clone .", ".").rstrip("]")
    name = name.split("(", 1)[0] if not name.startswith("operator(") else name
    return re.sub(r"[^\x20-\x7e]|[\"\\]", "", name).strip()[:LONGEST]


def functions(nm: str) -> list[tuple[int, str]]:
    """Of `nm -n -C`: one name per address of code, in order."""
    found: dict[int, str] = {}
    for line in nm.splitlines():
        address, kind, name = line.split(" ", 2)
        if kind in "tTwW" and short(name):
            found.setdefault(int(address, 16), short(name))
    return sorted(found.items())


def assembly(rows: list[tuple[int, str]]) -> str:
    lines = ['.section .symbols,"a"', ".balign 8"]
    lines += [f".quad {address:#x}, .Lname{number}" for number, (address, _) in enumerate(rows)]
    lines += ['.section .symbol_names,"a"']
    lines += [f'.Lname{number}: .asciz "{name}"' for number, (_, name) in enumerate(rows)]
    return "\n".join([*lines, '.section .note.GNU-stack,"",@progbits', ""])


def main() -> int:
    check = "--check" in sys.argv
    image, out = [Path(word) for word in sys.argv[1:] if word != "--check"]
    nm = subprocess.run(["nm", "-n", "-C", "--defined-only", str(image)], check=True, capture_output=True, text=True)
    text = assembly(functions(nm.stdout))
    if not check:
        out.write_text(text)
        return 0
    if out.read_text() == text:
        return 0
    print(f"{image}: functions are not where {out} says: link it again", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
