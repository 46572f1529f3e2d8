#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev check`: every check of the source text; --fix formats, --tidy also runs clang-tidy."""
import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import check_includes  # noqa: E402
import check_style  # noqa: E402

TREE = check_includes.TREE


def formatting(fix: bool) -> int:
    files = check_includes.tracked(".cpp", ".hpp")
    mode = ["-i"] if fix else ["--dry-run", "--Werror", "--ferror-limit=1"]
    print(f"+ clang-format {' '.join(mode)} ({len(files)} files)", flush=True)
    return subprocess.run(["clang-format", *mode, *files], cwd=TREE).returncode


def tidy() -> int:
    for command in (["cmake", "--preset", "tidy"], ["cmake", "--build", "--preset", "tidy"]):
        print("+ " + " ".join(command), flush=True)
        if subprocess.run(command, cwd=TREE).returncode != 0:
            return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev check", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="format the files")
    parser.add_argument("--tidy", action="store_true", help="build with clang-tidy (minutes)")
    args = parser.parse_args()
    failed = [formatting(args.fix), check_includes.main(), check_style.main()]
    if args.tidy:
        failed.append(tidy())
    return 1 if any(failed) else 0


if __name__ == "__main__":
    sys.exit(main())
