#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks sizes, licence lines, names and READMEs; prints one line per breach."""
import re
import sys
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_includes import SOURCES, TREE, tracked  # noqa: E402

MAX_FILE = 400
MAX_FUNCTION = 80
# Beside the head of a function that is a table; clang-tidy reads the same words.
TABLE = "(readability-function-size)"
CODE = (*SOURCES, ".py", ".sh", ".S")
LICENSED = (*CODE, ".cmake", ".toml", "CMakeLists.txt", ".service", ".socket", ".target", ".conf")
SPDX = "SPDX-License-Identifier: Apache-2.0"
FORBIDDEN = re.compile(r"(^|[_\-./])(utils?|misc|managers?|helpers?)($|[_\-./])")
# What opens a scope.
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$")


def file_length(path: str, text: str) -> list[str]:
    lines = text.count("\n")
    return [f"{path}: {lines} lines, at most {MAX_FILE}"] if lines > MAX_FILE else []


def licence(path: str, text: str) -> list[str]:
    head = text.splitlines()[:2]
    return [] if any(SPDX in line for line in head) else [f"{path}: the first line is not '{SPDX}'"]


def name(path: str) -> list[str]:
    if FORBIDDEN.search(path.lower()):
        return [f"{path}: name it after what it holds, not utils, misc, manager or helper"]
    return []


def without_literals(text: str) -> str:
    """Strings, character literals and comments become blanks, so that braces can be counted."""
    pattern = re.compile(
        r'R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/'
        r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)
    return pattern.sub(lambda match: "\n" * match.group(0).count("\n") or " ", text)


def functions(text: str) -> list[tuple[int, int]]:
    """(first line, length) of each outermost block of C++ code that is not a scope.

    A body opens after a parameter list: not after a type, a namespace or an initialiser.
    """
    found, stack, opened_at = [], [], 0
    line, statement = 1, ""
    for char in without_literals(text):
        if char == "\n":
            line += 1
        if char == "{":
            inner = any(stack)
            closed = 0 < statement.count("(") == statement.count(")")
            body = not inner and closed and not SCOPE.search(statement)
            if body:
                opened_at = line - statement.lstrip().count("\n")
            stack.append(body)
            statement = ""
        elif char == "}":
            if stack and stack.pop():
                found.append((opened_at, line - opened_at + 1))
            statement = ""
        elif char == ";":
            statement = ""
        else:
            statement += char
    return found


def function_lengths(path: str, text: str) -> list[str]:
    lines = text.splitlines()
    found = []
    for start, length in functions(text):
        head = "\n".join(lines[max(start - 2, 0):start + 1])
        if length > MAX_FUNCTION and TABLE not in head:
            found.append(f"{path}:{start}: a function of {length} lines, at most {MAX_FUNCTION}")
    return found


def readmes(files: list[str]) -> list[str]:
    """Each folder of code, and each folder above it below the root, has a README.

    Under tests/unit and tests/fuzz the folders mirror the tree, so one README each is enough.
    """
    folders = set()
    for path in files:
        if path.endswith(CODE):
            parts = PurePosixPath(path).parent.parts
            if parts[:2] in (("tests", "unit"), ("tests", "fuzz")):
                parts = parts[:2]
            folders |= {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    have = {str(PurePosixPath(path).parent) for path in files if path.endswith("/README.md")}
    return [f"{folder}: no README.md" for folder in sorted(folders - have)]


def check_all() -> list[str]:
    files = tracked("")
    found = readmes(files)
    for path in files:
        found += name(path)
        if not path.endswith(LICENSED) and path not in ("dev", ".ci/run"):
            continue
        text = (TREE / path).read_text(errors="replace")
        found += licence(path, text)
        if path.endswith(CODE):
            found += file_length(path, text)
        if path.endswith(SOURCES):
            found += function_lengths(path, text)
    return found


def main() -> int:
    found = check_all()
    print("\n".join(found) or "style: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
