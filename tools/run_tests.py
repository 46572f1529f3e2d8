#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev test`: runs the stages, keeps their logs in build/test, ends in one line that sums them.

A stage that cannot even build counts as one failed test; a stage that finds no tests does as well.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
OUT = TREE / "build/test"
MOST_FILES_REPEATED, LAST_REPEAT_S = 4, 3000
MOST_LABS, GIB_EACH_LAB = 4, 6
MOST_OF_A_REASON = 300  # characters


@dataclass
class Sum:
    """Tests counted so far; `names` are those that failed, `reasons` what some of them said."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    names: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Sum"):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.names += other.names
        self.reasons |= other.reasons

    def line(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def from_junit(path: Path) -> Sum:
    """Counts the cases of a JUnit file as CTest and pytest write them."""
    total = Sum()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        label = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        bad = [found for word in ("failure", "error") if (found := case.find(word)) is not None]
        if bad or case.get("status") == "fail":
            total.failed += 1
            total.names.append(label)
            if bad and bad[0].get("message"):
                total.reasons[label] = " ".join(bad[0].get("message").split())[:MOST_OF_A_REASON]
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            total.skipped += 1
        else:
            total.passed += 1
    return total


class Stage:
    """One stage: commands that must succeed, then perhaps a file of results."""

    def __init__(self, name: str, title: str):
        self.name, self.title = name, title
        self.log = OUT / f"{name}.log"

    def command(self, *words: str) -> bool:
        """Runs a command into the stage's log; its end is shown when it fails."""
        print(f"  + {' '.join(words)}", flush=True)
        with self.log.open("a") as log:
            log.write(f"+ {' '.join(words)}\n")
            log.flush()
            status = subprocess.run(words, cwd=TREE, stdout=log, stderr=subprocess.STDOUT,
                                    stdin=subprocess.DEVNULL).returncode
        return status == 0

    def broken(self, what: str) -> Sum:
        tail = self.log.read_text(errors="replace").splitlines()[-40:] if self.log.exists() else []
        print("\n".join(f"    {line}" for line in tail))
        return Sum(failed=1, names=[f"{self.name}: {what}"])

    def results(self, junit: Path, succeeded: bool) -> Sum:
        """What the file says; its absence, its emptiness and an unexplained failure are failures."""
        if not junit.exists():
            return self.broken("no results were written")
        total = from_junit(junit)
        if total.passed + total.failed + total.skipped == 0:
            return self.broken("no tests were found")
        if not succeeded and total.failed == 0:
            total.add(self.broken("the runner failed although no test did"))
        return total


def launcher() -> list[str]:
    if shutil.which("ccache") is None:
        return []
    return [f"-DCMAKE_{language}_COMPILER_LAUNCHER=ccache" for language in ("C", "CXX")]


def built(stage: Stage, preset: str) -> bool:
    return stage.command("cmake", "--preset", preset, *launcher()) and \
        stage.command("cmake", "--build", "--preset", preset)


def style(stage: Stage) -> Sum:
    total = Sum(passed=1)
    if not stage.command(sys.executable, "tools/check.py"):
        total = stage.broken("./dev check")
    junit = OUT / "tools.xml"
    ok = stage.command(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                       f"--junitxml={junit}", "tests/unit/tools", "tests/unit/lab")
    total.add(stage.results(junit, ok))
    return total


def second_compiler(stage: Stage) -> Sum:
    ok = stage.command("cmake", "--preset", "clang", *launcher()) and \
        stage.command(sys.executable, "tools/check_clang.py", "build/clang")
    return Sum(passed=1) if ok else stage.broken("clang refuses something")


def unit(preset: str, label: str):
    def run(stage: Stage) -> Sum:
        if not built(stage, preset):
            return stage.broken(f"the {preset} build")
        junit = OUT / f"{stage.name}.xml"
        ok = stage.command("ctest", "--preset", preset, "-L", label, "--output-junit", str(junit))
        return stage.results(junit, ok)
    return run


def release(stage: Stage) -> Sum:
    """Unit tests of what users get, and the package made from the very same objects."""
    for old in (TREE / "build/release").glob("zocalo*.deb"):
        old.unlink()
    total = unit("unit", "unit")(stage)
    ok = stage.command("cmake", "-E", "chdir", "build/unit", "cpack", "-G", "DEB", "-B", str(TREE / "build/release"))
    if ok and list((TREE / "build/release").glob("zocalo*.deb")):
        total.passed += 1
    else:
        total.add(stage.broken("the package"))
    return total


def tidy(stage: Stage) -> Sum:
    return Sum(passed=1) if built(stage, "tidy") else stage.broken("clang-tidy")


def side_by_side() -> list[str]:
    """As many labs at once as there are processors and room for: they wait for disks and timers half of the time."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    labs = min(os.cpu_count() or 1, memory_gib // GIB_EACH_LAB, MOST_LABS)
    return ["-n", str(labs), "--dist", "loadfile"] if labs > 1 else []


def lab(stage: Stage) -> Sum:
    """Emulated machines on a busy host miss a limit now and then, so what failed gets one more boot.

    What passes only then is counted as passed and named, so that it can be looked into. Failures are counted by their
    files: those of one file often have one cause, the machine or the guest that its tests share.
    """
    junit, begin = OUT / "lab.xml", time.monotonic()
    pytest = (sys.executable, "-m", "pytest", "-v", "-o", f"cache_dir={OUT / 'pytest'}", "-m",
              "not long", *side_by_side(), "tests/lab")
    ok = stage.command(*pytest, f"--junitxml={junit}")
    first = stage.results(junit, ok)
    files = {".".join(name.split(".")[:3]) for name in first.names}
    if not 0 < len(files) <= MOST_FILES_REPEATED or first.passed == 0 or time.monotonic() - begin > LAST_REPEAT_S:
        return first
    again = OUT / "lab-again.xml"
    ok = stage.command(*pytest, "--last-failed", f"--junitxml={again}")
    second = stage.results(again, ok)
    for name in first.names:
        if name not in second.names:
            print(f"   FLAKY {name}: passed at the second try; at the first: {first.reasons.get(name, '?')}")
    return Sum(first.passed + second.passed, second.failed, first.skipped + second.skipped, second.names,
               second.reasons)


def lab_only(*options: str):
    def run(stage: Stage) -> Sum:
        junit = OUT / f"{stage.name}.xml"
        ok = stage.command(sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *options,
                           f"--junitxml={junit}", "tests/lab")
        return stage.results(junit, ok)
    return run


STAGES = {
    "style": ("format, includes, sizes; tests of the tools", style),
    "gcc": ("GCC, optimised: unit tests and the package", release),
    "parse": ("clang: parses everything, as errors what GCC lets pass", second_compiler),
    "lab": ("dom0 and guests on Xen under QEMU, and what is about hypervisor-core on that", lab),
    "clang": ("clang with ASan and UBSan: unit tests", unit("clang", "unit")),
    "dev": ("GCC with ASan and UBSan: unit tests", unit("dev", "unit")),
    "fuzz": ("each parser for a few seconds", unit("fuzz", "fuzz")),
    "tidy": ("clang-tidy", tidy),
    "core": ("the lab tests that Xen passes, on hypervisor-core", lab_only(
        "--hypervisor", "core", "-m", "not long")),
    "long": ("lab tests that take long or much memory", lab_only("-m", "long")),
}

# The rest has not passed as a whole on one tree yet; `--all` runs it too, and it comes here when it does.
DEFAULT = ("style", "gcc", "parse", "lab")


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev test", description=__doc__)
    parser.add_argument("--only", default=",".join(DEFAULT), help=f"of {','.join(STAGES)}")
    parser.add_argument("--all", action="store_true", help="every stage")
    parser.add_argument("--list", action="store_true", help="say what the stages are")
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{name:6} {title}" for name, (title, _) in STAGES.items()))
        return 0
    chosen = list(STAGES) if args.all else args.only.split(",")
    unknown = [name for name in chosen if name not in STAGES]
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(STAGES)}")
    os.environ.setdefault("CTEST_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    total = Sum()
    for name in chosen:
        title, run = STAGES[name]
        print(f"== {name}: {title}", flush=True)
        begin = time.monotonic()
        result = run(Stage(name, title))
        total.add(result)
        print(f"   {result.line()} ({time.monotonic() - begin:.0f} s; {OUT / name}.log)", flush=True)
    for name in total.names:
        print(f"FAILED {name}" + (f": {total.reasons[name]}" if name in total.reasons else ""))
    if total.passed + total.failed + total.skipped == 0:
        total = Sum(failed=1)
    print(total.line())
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
