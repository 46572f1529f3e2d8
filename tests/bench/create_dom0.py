# SPDX-License-Identifier: Apache-2.0
"""Runs in dom0: times zl and xl, alternating, while the number of domains grows. CSV rows on stdout.

usage: create_dom0.py COUNT WORKDIR GUESTS
Rows: verb,tool,devices,n,seconds (n: how many domains of that tool there are, this one included).
"""
import re
import subprocess
import sys
import time
from pathlib import Path

TOOLS = ("zl", "xl")
LIST_REPEATS = 3


def run(*argv: str) -> float:
    """Runs a command to success; seconds it took."""
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True)
    took = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
    return took


def config(work: Path, guests: str, tool: str, n: int, devices: bool) -> str:
    name = f"{tool}{n}"
    lines = [f'name = "{name}"', 'type = "pv"', f'kernel = "{guests}/vmlinuz"',
             f'ramdisk = "{guests}/mini-initrd.img"', "memory = 32", "vcpus = 1"]
    if devices:
        image = work / f"{name}.img"
        with image.open("wb") as file:
            file.truncate(16 << 20)
        lines += [f'disk = ["format=raw, vdev=xvda, access=rw, target={image}"]', 'vif = ["bridge=xenbr0"]']
    path = work / f"{name}.cfg"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def row(verb: str, tool: str, devices: bool, n: int, seconds: float):
    print(f"{verb},{tool},{int(devices)},{n},{seconds:.6f}", flush=True)


def series(work: Path, guests: str, count: int, devices: bool):
    """One growing and shrinking population of both tools' domains."""
    for n in range(1, count + 1):
        # Who goes first alternates too, so that neither always finds the warmer cache.
        for tool in TOOLS if n % 2 else reversed(TOOLS):
            file = config(work, guests, tool, n, devices)
            row("create", tool, devices, n, run(tool, "create", "-p", "-q", file))
        if n in (1, count) or n % 10 == 0:
            for _ in range(LIST_REPEATS):
                for tool in TOOLS:
                    row("list", tool, devices, n, run(tool, "list"))
    for n in range(count, 0, -1):
        for tool in TOOLS if n % 2 else reversed(TOOLS):
            row("destroy", tool, devices, n, run(tool, "destroy", f"{tool}{n}"))


def zl_requests() -> int:
    """The daemon's own count of xenstore requests."""
    text = subprocess.run(["curl", "-s", "--unix-socket", "/run/zocalo/toolstackd.sock", "http://localhost/metrics"],
                          capture_output=True, text=True, check=True).stdout
    return int(float(re.search(r"^zocalo_xenstore_requests_total (\S+)", text, re.MULTILINE)[1]))


def xenstore_requests(work: Path, guests: str, devices: bool):
    """How many xenstore requests one create takes: a figure that no machine changes."""
    file = config(work, guests, "zl", 0, devices)
    before = zl_requests()
    run("zl", "create", "-p", "-q", file)
    row("xenstore-requests", "zl", devices, 1, zl_requests() - before)
    run("zl", "destroy", "zl0")
    file = config(work, guests, "xl", 0, devices)
    trace = work / "trace"
    run("strace", "-f", "-yy", "-e", "trace=write,writev,sendmsg,sendto", "-o", str(trace), "xl", "create", "-p", "-q", file)
    # libxenstore sends each message's 16-byte head by itself.
    heads = [line for line in trace.read_text(errors="replace").splitlines()
             if "xenstore" in line.split("=")[0] and re.search(r"= 16$", line)]
    row("xenstore-requests", "xl", devices, 1, len(heads))
    run("xl", "destroy", "xl0")


def footprint():
    pid = subprocess.run(["systemctl", "show", "-P", "MainPID", "toolstackd"], capture_output=True, text=True).stdout.strip()
    rss = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]
    row("daemon-rss-kib", "zl", False, 0, int(rss))
    start = time.monotonic()
    run("systemctl", "restart", "toolstackd")
    row("daemon-restart", "zl", False, 0, time.monotonic() - start)


def main():
    count, work, guests = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    work.mkdir(parents=True, exist_ok=True)
    run(*f"ip link add xenbr0 type bridge forward_delay 0".split())
    run(*f"ip link set xenbr0 up".split())
    run("zl", "list")
    for devices in (False, True):
        series(work, guests, count, devices)
        xenstore_requests(work, guests, devices)
    footprint()


main()
