# SPDX-License-Identifier: Apache-2.0
"""Runs in dom0: times zl and xl, one after the other, while the number of their domains grows. CSV rows on stdout.

usage: create_dom0.py COUNT WORKDIR GUESTS
WORKDIR holds `tiny`, a kernel of one page. Rows: verb,tool,guest,n,value (n: how many domains there are,
this one included; value: seconds, or a count). Of a create and a destroy there are also rows with the
processor time that `toolstackd` and `xenstored` took meanwhile.
"""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOOLS = ("zl", "xl")
LIST_REPEATS = 3
LINUX_COUNT = 3
DAEMON_STARTS = 3
STEP_REPEATS = 3

HEAD = 'name = "{name}"\ntype = "pv"\nvcpus = 1\n'
TINY = HEAD + 'kernel = "{work}/tiny"\nmemory = 12\n'
DEVICES = 'disk = ["format=raw, vdev=xvda, access=rw, target={image}"]\nvif = ["bridge=xenbr0"]\n'
LINUX = HEAD + 'kernel = "{guests}/vmlinuz"\nramdisk = "{guests}/mini-initrd.img"\nmemory = 128\n'
CONFIGS = {"plain": TINY, "devices": TINY + DEVICES, "linux": LINUX + DEVICES}


SAID = "/tmp/said"
QUIET = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
         (os.POSIX_SPAWN_OPEN, 1, SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
         (os.POSIX_SPAWN_DUP2, 1, 2)]


def run(*argv: str) -> float:
    """Runs a command to success; seconds it took. posix_spawn: our own size must not cost the command anything."""
    program = shutil.which(argv[0])
    start = time.monotonic()
    _, status = os.waitpid(os.posix_spawn(program, argv, os.environ, file_actions=QUIET), 0)
    took = time.monotonic() - start
    if status != 0:
        sys.exit(f"{' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}: {Path(SAID).read_text().strip()}")
    return took


def text_of(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def row(verb: str, tool: str, guest: str, n: int, value: float):
    print(f"{verb},{tool},{guest},{n},{value:.6f}", flush=True)


class Accounts:
    """Whose processor time an action takes: the daemon's and xenstored's threads, by the kernel's account of them."""

    def __init__(self, tool: str):
        self.tool = tool
        self.pids = {"xenstored": text_of("pidof", "-s", "oxenstored", "xenstored").strip()}
        if tool == "zl":
            self.pids["toolstackd"] = text_of("systemctl", "show", "-P", "MainPID", "toolstackd").strip()

    def measure(self, verb: str, guest: str, n: int, action):
        before = {who: processor_seconds(pid) for who, pid in self.pids.items()}
        row(verb, self.tool, guest, n, action())
        for who, pid in self.pids.items():
            row(f"{verb} in {who}", self.tool, guest, n, processor_seconds(pid) - before[who])


def processor_seconds(pid: str) -> float:
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


class Bench:
    def __init__(self, work: Path, guests: str):
        self.work, self.guests = work, guests

    def create(self, tool: str, n: int, guest: str, *under: str) -> float:
        name = f"{tool}{n}"
        image = self.work / f"{name}.img"
        with image.open("wb") as file:
            file.truncate(16 << 20)
        path = self.work / f"{name}.cfg"
        path.write_text(CONFIGS[guest].format(name=name, work=self.work, guests=self.guests, image=image))
        # Paused where there is a real kernel: it would compete with what is measured.
        # Traced: without the process that xl leaves behind, for which strace would wait.
        options = (["-p"] if guest == "linux" else []) + (["-e"] if under else [])
        return run(*under, tool, "create", *options, str(path))

    def series(self, count: int, guest: str):
        """One growing and shrinking population of each tool. Never both at once: for each of its domains xl leaves
        a process that wakes with every other domain's start and end, which would be counted as zl's."""
        # Who goes first alternates, so that neither always finds the warmer cache.
        for tool in TOOLS if guest != "devices" else reversed(TOOLS):
            accounts = Accounts(tool)
            for n in range(1, count + 1):
                accounts.measure("create", guest, n, lambda n=n: self.create(tool, n, guest))
                if n in (1, count) or n % 10 == 0:
                    for _ in range(LIST_REPEATS):
                        row("list", tool, guest, n, run(tool, "list"))
            for n in range(count, 0, -1):
                accounts.measure("destroy", guest, n, lambda n=n: run(tool, "destroy", f"{tool}{n}"))

    def requests(self, guest: str):
        """xenstore requests of one create and one destroy, hotplug scripts included; no machine changes them."""
        for verb in ("create", "destroy"):
            before = daemon_requests()
            self.act(verb, "zl", guest)
            time.sleep(1)  # what follows the answer belongs to it
            row(f"{verb} requests", "zl", guest, 1, daemon_requests() - before)
        trace = self.work / "trace"
        for verb in ("create", "destroy"):
            self.act(verb, "xl", guest, "strace", "-f", "-yy", "-e", "trace=write", "-o", str(trace))
            # libxenstore writes the 16-byte head of each message by itself.
            heads = re.findall(r"write\(\d+<UNIX.*, 16\) += 16$", trace.read_text(errors="replace"), re.MULTILINE)
            row(f"{verb} requests", "xl", guest, 1, len(heads))

    def act(self, verb: str, tool: str, guest: str, *under: str):
        if verb == "create":
            self.create(tool, 0, guest, *under)
        else:
            run(*under, tool, "destroy", f"{tool}0")

    def cold_kernel(self):
        """The first use of a kernel file: it is unpacked. xl unpacks it each time."""
        copy = self.work / "vmlinuz"
        copy.write_bytes(Path(self.guests, "vmlinuz").read_bytes() + b"\0")
        path = self.work / "cold.cfg"
        text = LINUX.format(name="cold", guests=self.guests)
        path.write_text(text.replace(f"{self.guests}/vmlinuz", str(copy)))
        row("cold create", "zl", "linux", 1, run("zl", "create", "-p", str(path)))
        run("zl", "destroy", "cold")


DROP_IN = Path("/run/systemd/system/toolstackd.service.d/bench.conf")
POINTS = Path("/run/zocalo-bench-points")


def steps(bench: "Bench", guest: str):
    """Where a create's time goes: the daemon tells the time at each of its failpoints."""
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text(f"[Service]\nEnvironment=ZOCALO_FAILPOINT_LOG={POINTS} ZOCALO_FAILPOINT_TIMES=1\n")
    try:
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "toolstackd")
        bench.act("create", "zl", guest)  # what is cold in a new daemon
        run("zl", "destroy", "zl0")
        for n in range(1, STEP_REPEATS + 1):
            POINTS.write_text("")
            took = bench.create("zl", 0, guest)
            end = time.monotonic_ns()
            begin = end - int(took * 1e9)
            points = [line.split() for line in POINTS.read_text().splitlines()]
            last, name = begin, "zl before the daemon"
            for point, at in points:
                row(f"step {name}", "zl", guest, n, (int(at) - last) / 1e9)
                last = int(at)
                name = point.replace(":before", "").replace(":after", " and then")
            row("step zl after the daemon", "zl", guest, n, (end - last) / 1e9)
            run("zl", "destroy", "zl0")
    finally:
        DROP_IN.unlink()
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "toolstackd")


def daemon_requests() -> int:
    """The daemon's own count."""
    text = text_of("curl", "-s", "--unix-socket", "/run/zocalo/toolstackd.sock", "http://localhost/metrics")
    return int(float(re.search(r"^zocalo_xenstore_requests_total (\S+)", text, re.MULTILINE)[1]))


def footprint():
    for _ in range(DAEMON_STARTS):
        start = time.monotonic()
        run("systemctl", "restart", "toolstackd")
        row("daemon start", "zl", "none", 0, time.monotonic() - start)
        start = time.monotonic()
        run("zl", "list")
        row("first list", "zl", "none", 0, time.monotonic() - start)
    row("daemon KiB", "zl", "none", 0, resident())


def resident() -> int:
    pid = text_of("systemctl", "show", "-P", "MainPID", "toolstackd").strip()
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def main():
    count, work, guests = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    run(*"ip link add xenbr0 type bridge forward_delay 0".split())
    run(*"ip link set xenbr0 up".split())
    bench = Bench(work, guests)
    footprint()
    for _ in range(5):
        row("empty process", "none", "none", 0, run("/bin/true"))
    bench.cold_kernel()
    for guest in ("plain", "devices"):
        bench.series(count, guest)
        bench.requests(guest)
        steps(bench, guest)
    row("daemon KiB", "zl", "none", count, resident())
    bench.series(min(count, LINUX_COUNT), "linux")


main()
