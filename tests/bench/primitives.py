# SPDX-License-Identifier: Apache-2.0
"""`./dev bench primitives`: what an operating system's primitives cost, in instructions, bare, as dom0 and as a PV guest."""
import argparse
import csv
import math
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
sys.path.insert(0, str(HERE))


import svg  # noqa: E402
import tiny_kernel  # noqa: E402
from lab import bare, cli, images, paths, qemu  # noqa: E402
from lab.cpio import Archive  # noqa: E402
from lab.errors import LabError  # noqa: E402
from lab.machine import Machine  # noqa: E402

LINES = {"null_call": "null call", "null_io": "null I/O", "stat": "stat", "open_close": "open/close",
         "signal": "signal handler", "fork_exit": "fork+exit", "fork_exec": "fork+exec",
         "page_faults_64": "64 page faults", "mmap_1mib": "mmap 1 MiB", "mprotect_64": "mprotect",
         "pipe": "pipe round trip"}
# Not part of the comparison with a bare machine, nor of the mean.
XEN_LINES = {"hypercall": "hypercall", "event": "event to itself", "grant_map": "grant map+unmap",
             "grant_copy": "grant copy 4 KiB", "event_ping": "event and back", "domain_create": "xl create", "domain_destroy": "xl destroy",
             "start": "start to init"}
TARGET = 0.85
# The same for every candidate. Without norandmaps, where a mapping falls decides how many page tables it needs.
KERNEL_ARGS = "mitigations=off init_on_alloc=0 nowatchdog audit=0 cryptomgr.notests norandmaps"
GUEST = """name = "probe"
type = "pv"
kernel = "/var/lib/zocalo-lab/guests/vmlinux"
ramdisk = "/root/probe.cpio"
cmdline = "console=hvc0 rdinit=/init {args}"
memory = 256
vcpus = 1
tsc_mode = "native"
on_poweroff = "destroy"
on_crash = "destroy"
"""
TINY = """name = "tiny"
type = "pv"
kernel = "/root/tiny"
memory = 12
"""
ECHO = TINY.replace("tiny", "echo")
# Stock xl on a domain of one page of kernel: medians of what each takes, in nanoseconds of a clock that counts instructions.
CREATE = """
import statistics, subprocess, time
took = {"create": [], "destroy": []}
for _ in range(5):
    for verb, words in (("create", ["/root/tiny.cfg"]), ("destroy", ["tiny"])):
        start = time.monotonic_ns()
        subprocess.run(["xl", verb, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took[verb].append(time.monotonic_ns() - start)
for verb, values in took.items():
    print(f"probe domain_{verb} {int(statistics.median(values))}")
"""
# What Xen says at its start of what it defends against.
DEFENCES = re.compile(r"Speculative|Support for|Xen settings|XPTI|L1TF|PV L1TF|MSR_SPEC_CTRL|Hardware (hints|features)|Compiled-in|indirect")


def built(name: str) -> Path:
    made = sorted(paths.TREE.glob(f"build/*/tests/*/{name}"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise LabError(f"{name} is not built: ./dev build release makes it")
    return made[-1]


def initramfs() -> bytes:
    """All a machine needs to run the probe and nothing else."""
    archive = Archive()
    for folder in ("proc", "dev"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    archive.file("init", built("zocalo-probe").read_bytes(), 0o755)
    return archive.finish()


def values(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"probe (\w+) (\d+)", text)}


@dataclass
class Results:
    """ticks[(hypervisor, place)][line]"""
    ticks: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    defences: list[str] = field(default_factory=list)

    def ratio(self, place: str, line: str) -> float | None:
        ours, theirs = (self.ticks.get((name, place), {}).get(line) for name in ("core", "xen"))
        return ours / theirs if ours and theirs else None

    def mean(self, place: str) -> float | None:
        found = [ratio for line in LINES if (ratio := self.ratio(place, line))]
        return math.exp(sum(map(math.log, found)) / len(found)) if found else None


def measure_dom0(results: Results, hypervisor: str):
    options = qemu.Options(hypervisor=hypervisor, cpus=1, memory_mib=1536, icount=True, kernel_args=KERNEL_ARGS)
    modules = images.ensure(None).initrd_base.read_bytes()
    text = bare.run(options, modules + initramfs(), "probe end")
    results.ticks[(hypervisor, "dom0")] = values(text)
    if hypervisor == "xen":
        results.defences = [line[line.index(")") + 1:].strip() for line in text.splitlines()
                            if line.startswith("(XEN)") and DEFENCES.search(line)]


def ping(machine: Machine) -> str:
    """Events between dom0 and a guest that does nothing but send them back."""
    machine.put("/root/echo", built("zocalo-event-echo").read_bytes())
    machine.put("/root/echo.cfg", ECHO)
    machine.put("/root/zocalo-probe", built("zocalo-probe").read_bytes())
    machine.must(["chmod", "755", "/root/zocalo-probe"], 60)
    machine.must(["xl", "create", "/root/echo.cfg"], 600)
    domid = machine.must(["xl", "domid", "echo"], 60).strip()
    return machine.must(["/root/zocalo-probe", "ping", domid], 600)


def measure_guest(results: Results, hypervisor: str):
    options = qemu.Options(hypervisor=hypervisor, cpus=1, icount=True)
    with Machine(options, None) as machine:
        machine.wait_up(900)
        machine.put("/root/probe.cpio", initramfs())
        machine.put("/root/probe.cfg", GUEST.format(args=KERNEL_ARGS))
        machine.must(["xl", "create", "-p", "/root/probe.cfg"], 600)
        console = machine.start(["xl", "console", "probe"], tty=True)
        machine.must(["xl", "unpause", "probe"], 600)
        text = console.expect(b"probe end", 900).decode(errors="replace")
        machine.put("/root/tiny", tiny_kernel.image())
        machine.put("/root/tiny.cfg", TINY)
        machine.put("/root/create.py", CREATE)
        text += machine.must(["python3", "/root/create.py"], 900)
        text += ping(machine)
    results.ticks[(hypervisor, "guest")] = values(text)


def table(results: Results):
    def cell(hypervisor, place, line):
        value = results.ticks.get((hypervisor, place), {}).get(line)
        return f"{value:>10,}".replace(",", " ") if value else f"{'-':>10}"

    def ratio(value):
        return f"{value:8.2f}" if value else f"{'-':>8}"

    print(f"{'instructions':16} {'bare':>10} {'Xen dom0':>10} {'core dom0':>10} {'core/Xen':>8}"
          f" {'Xen guest':>10} {'core guest':>10} {'core/Xen':>8}")
    for line, label in {**LINES, **XEN_LINES}.items():
        print(f"{label:16} {cell('none', 'dom0', line)} {cell('xen', 'dom0', line)} {cell('core', 'dom0', line)}"
              f" {ratio(results.ratio('dom0', line))} {cell('xen', 'guest', line)} {cell('core', 'guest', line)}"
              f" {ratio(None if line == 'start' else results.ratio('guest', line))}")
    print(f"{'geometric mean':16} {'':10} {'':10} {'':10} {ratio(results.mean('dom0'))} {'':10} {'':10}"
          f" {ratio(results.mean('guest'))}   (target: no line above 1, mean at most {TARGET})")
    if results.defences:
        print("Xen on this processor: " + "\n  ".join(results.defences))


def write(results: Results, out: Path):
    out.mkdir(parents=True, exist_ok=True)
    with (out / "primitives.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(("hypervisor", "place", "line", "instructions"))
        for (hypervisor, place), found in results.ticks.items():
            writer.writerows((hypervisor, place, line, value) for line, value in found.items())
    bars = {f"core / Xen, {place}": [(LINES[line], results.ratio(place, line) or 0.0) for line in LINES]
            for place in ("dom0", "guest") if results.mean(place)}
    (out / "primitives.svg").write_text(svg.bars("Instructions of hypervisor-core, Xen = 1", bars))
    print(f"written: {out}/primitives.csv, {out}/primitives.svg")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench primitives", description=__doc__)
    parser.add_argument("--hypervisor", action="append", choices=qemu.HYPERVISORS, help="only this one (may be repeated)")
    parser.add_argument("--place", action="append", choices=("dom0", "guest"), help="only there")
    args = parser.parse_args()
    results = Results()
    try:
        cli.build_images(None)
        for hypervisor in args.hypervisor or ("none", "xen", "core"):
            for place in args.place or ("dom0", "guest"):
                if place == "dom0":
                    measure_dom0(results, hypervisor)
                elif hypervisor != "none":
                    measure_guest(results, hypervisor)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    table(results)
    write(results, HERE.parent.parent / "build/bench")
    return 0


if __name__ == "__main__":
    sys.exit(main())
