# SPDX-License-Identifier: Apache-2.0
"""`./dev bench scheduler`: shares by weight, caps, and what hogs do to a guest that mostly sleeps. On one processor whose
clock counts instructions, so that the figures do not depend on the host."""
import argparse
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
sys.path.insert(0, str(HERE))

import primitives  # noqa: E402
import tiny_kernel  # noqa: E402
import lab  # noqa: E402
from lab import cli  # noqa: E402
from lab.errors import LabError  # noqa: E402

SLICE_MS = 5.0  # Scheduler::kSlice
LIMIT_S = 900
HOG = """name = "{name}"
type = "pv"
kernel = "/root/hog"
memory = 12
vcpus = {vcpus}
on_crash = "preserve"
"""
SLEEPER = """name = "sleeper"
type = "pv"
kernel = "/var/lib/zocalo-lab/guests/vmlinux"
ramdisk = "/root/probe.cpio"
cmdline = "console=hvc0 rdinit=/init PROBE=wake {args}"
memory = 256
vcpus = 1
"""
# What a domain has used of processors, in nanoseconds: xl shows tenths of a second. dominfo.cpu_time of libxenctrl 4.17.
CPU_TIMES = """
import ctypes, struct, sys, time
xc = ctypes.CDLL("libxenctrl.so.4.17")
xc.xc_interface_open.restype = ctypes.c_void_p
handle = ctypes.c_void_p(xc.xc_interface_open(None, None, 0))
def used(domid):
    info = ctypes.create_string_buffer(4096)
    if xc.xc_domain_getinfo(handle, domid, 1, info) != 1 or struct.unpack_from("<I", info)[0] != domid:
        sys.exit(f"no domain {domid}")
    return struct.unpack_from("<Q", info, 56)[0]
seconds, domids = float(sys.argv[1]), [int(word) for word in sys.argv[2:]]
before, start = [used(domid) for domid in domids], time.monotonic_ns()
time.sleep(seconds)
after, end = [used(domid) for domid in domids], time.monotonic_ns()
for one, other in zip(before, after):
    print((other - one) / (end - start))
"""


class Scheduled:
    """Domains on a booted machine, and what they get of its processor."""

    def __init__(self, dom0):
        self.dom0 = dom0
        self.names: list[str] = []
        dom0.put("/root/hog", tiny_kernel.image(tiny_kernel.HOG))
        dom0.put("/root/cpu_times.py", CPU_TIMES)

    def hog(self, name: str, vcpus: int = 1, weight: int | None = None, cap: int | None = None) -> int:
        self.dom0.put(f"/root/{name}.cfg", HOG.format(name=name, vcpus=vcpus))
        self.dom0.must(["xl", "create", "-p", f"/root/{name}.cfg"], LIMIT_S)
        self.names.append(name)
        if weight is not None:
            self.dom0.must(["xl", "sched-credit2", "-d", name, "-w", str(weight)])
        if cap is not None:
            self.dom0.must(["xl", "sched-credit2", "-d", name, "-c", str(cap)])
        self.dom0.must(["xl", "unpause", name])
        return int(self.dom0.must(["xl", "domid", name]))

    def shares(self, domids: list[int], seconds: float) -> list[float]:
        """Of one processor, each."""
        text = self.dom0.must(["python3", "/root/cpu_times.py", str(seconds), *map(str, domids)], LIMIT_S)
        return [float(line) for line in text.split()]

    def clear(self):
        for name in self.names:
            self.dom0.must(["xl", "destroy", name], LIMIT_S)
        self.names = []


def weights(scheduled: Scheduled, seconds: float = 3.0) -> list[float]:
    """What guests of weights 1:2:4 get, as fractions of what all three get."""
    domids = [scheduled.hog(f"w{weight}", weight=weight) for weight in (256, 512, 1024)]
    got = scheduled.shares(domids, seconds)
    scheduled.clear()
    return [share / sum(got) for share in got]


def cap(scheduled: Scheduled, percent: int, rival: bool, seconds: float = 3.0) -> float:
    """What a guest with a cap gets of the processor, alone or beside one without."""
    domids = [scheduled.hog("capped", cap=percent)]
    if rival:
        scheduled.hog("rival")
    got = scheduled.shares(domids, seconds)
    scheduled.clear()
    return got[0] * 100


def wakeups(scheduled: Scheduled, hogs: int) -> dict[str, tuple[float, float]]:
    """Median and greatest delay in milliseconds with which a guest's process wakes, alone and beside hogs."""
    dom0 = scheduled.dom0
    dom0.put("/root/probe.cpio", primitives.initramfs())
    dom0.put("/root/sleeper.cfg", SLEEPER.format(args=primitives.KERNEL_ARGS))
    dom0.must(["xl", "create", "-p", "/root/sleeper.cfg"], LIMIT_S)
    scheduled.names.append("sleeper")
    console = dom0.start(["xl", "console", "sleeper"], tty=True)
    dom0.must(["xl", "unpause", "sleeper"])

    def rounds(count: int) -> tuple[float, float]:
        text = b"".join(console.expect(b"wake_max", LIMIT_S) + console.expect(b"\n", LIMIT_S) for _ in range(count))
        found = re.findall(rb"wake_median (\d+).*?wake_max (\d+)", text, re.S)
        return (max(int(median) for median, _ in found) / 1e6, max(int(most) for _, most in found) / 1e6)

    rounds(2)
    alone = rounds(3)
    for number in range(hogs):
        scheduled.hog(f"hog{number}")
    rounds(2)
    beside = rounds(4)
    scheduled.clear()
    return {"alone": alone, "beside hogs": beside}


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench scheduler", description=__doc__)
    parser.add_argument("--hypervisor", choices=("xen", "core"), default="core")
    args = parser.parse_args()
    try:
        cli.build_images(None)
        with lab.boot(args.hypervisor, cpus=1, icount=True, timeout=LIMIT_S) as dom0:
            scheduled = Scheduled(dom0)
            got = weights(scheduled)
            print("weights 1:2:4 get " + ", ".join(f"{share * 7:.3f}" for share in got) + "  (sevenths)")
            for percent, rival in ((25, False), (40, True)):
                share = cap(scheduled, percent, rival)
                print(f"cap {percent} {'beside a hog' if rival else 'alone'}: {share:.2f} % of the processor")
            for name, (median, most) in wakeups(scheduled, 2).items():
                print(f"wake-up delay {name}: median {median:.3f} ms, at most {most:.3f} ms")
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
