#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Has clang parse every source file with the flags of its preset, and make nothing: the second compiler's opinion
in a fraction of its build's time. `./dev test --only clang` builds and runs what this lets pass.

usage: check_clang.py BUILD    a folder that `cmake --preset clang` configured
"""
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent


def commands(build: Path) -> dict[str, list[str]]:
    """Of each file of the tree one, without what it would write; some are compiled twice, hosted and freestanding."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = [word for word in shlex.split(entry["command"]) if not word.endswith("ccache")]
        if Path(entry["file"]).is_relative_to(build) or not Path(entry["file"]).is_relative_to(TREE):
            continue
        at = words.index("-o")
        found.setdefault(entry["file"], [*words[:at], *words[at + 2:], "-fsyntax-only"])
    return found


def parse(job: tuple[str, list[str]], build: Path) -> tuple[str, str]:
    """The file, and what clang has against it."""
    file, words = job
    done = subprocess.run(words, cwd=build, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return file, "" if done.returncode == 0 else done.stderr or f"{words[0]} ended with {done.returncode}"


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    build = Path(sys.argv[1]).resolve()
    jobs = commands(build)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [(file, said) for file, said in pool.map(lambda job: parse(job, build), jobs.items()) if said]
    for file, said in bad:
        print(f"{Path(file).relative_to(TREE)}:\n{said}")
    print(f"clang: {len(jobs)} files parsed, {len(bad)} refused")
    return 1 if bad or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
