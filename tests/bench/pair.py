# SPDX-License-Identifier: Apache-2.0
"""Two equal Debian guests in one boot: one on our backends (zl), one on Linux's own (stock xl)."""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from lab import cli, qemu  # noqa: E402
from lab.guest_shell import GuestShell  # noqa: E402
from lab.machine import Machine  # noqa: E402

GUESTS = "/var/lib/zocalo-lab/guests"
WORK = "/var/lib/zocalo-lab/bench"
BOOT_S = 1500.0
BRIDGE = "10.78.0.1"
# Candidate, the tool that makes it, its address, the block device it measures.
CANDIDATES = {"ours": ("zl", "10.78.0.2", "/dev/nullb0"), "linux": ("xl", "10.78.0.3", "/dev/nullb1")}


def boot(memory_mib: int, icount: bool) -> Machine:
    class Deb:
        no_deb, deb = False, None
    deb = cli.find_deb(Deb)
    cli.build_images(deb)
    options = qemu.Options(memory_mib=memory_mib, icount=icount, cpus=1 if icount else 2)
    machine = Machine(options, deb)
    machine.wait_up(BOOT_S)
    return machine


class Guest:
    """Made, booted to a shell without an init: nothing else runs in it."""

    def __init__(self, machine: Machine, candidate: str, vcpus: int):
        self.machine, self.name = machine, f"bench-{candidate}"
        self.tool, self.address, self.medium = CANDIDATES[candidate]
        root = f"{WORK}/{self.name}.img"
        machine.must(f"cp --reflink=always {GUESTS}/debian.img {root}")
        # xl has a word of its own for a block device.
        disk = f"format=raw,vdev=xvdb,access=rw,target={self.medium}" if self.tool == "zl" else \
            f"phy:{self.medium},xvdb,w"
        keys = {"name": self.name, "type": "pv", "vcpus": vcpus, "memory": 256, "kernel": f"{GUESTS}/vmlinux",
                "ramdisk": f"{GUESTS}/initrd.img", "on_crash": "preserve",
                "cmdline": "root=/dev/xvda rw console=hvc0 init=/bin/bash quiet mitigations=off",
                "disk": [f"format=raw,vdev=xvda,access=rw,target={root}", disk], "vif": ["bridge=xenbr0"]}
        machine.put(f"{WORK}/{self.name}.cfg", "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items()))
        machine.must([self.tool, "create", f"{WORK}/{self.name}.cfg"], BOOT_S)
        steal = ["--steal"] if self.tool == "zl" else []
        self.shell = GuestShell(machine, [self.tool, "console", *steal, self.name])
        self.shell.send("\n")
        self.shell.expect("[#] ", BOOT_S)
        self.must("mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /tmp;"
                  f" ip link set lo up; ip address add {self.address}/24 dev eth0; ip link set eth0 up", BOOT_S)

    def must(self, command: str, within: float = 900) -> str:
        return self.shell.must(command, within)


def prepare(machine: Machine, disk_mib: int):
    machine.must(f"mkdir -p {WORK} && ip link add xenbr0 type bridge forward_delay 0"
                 f" && ip address add {BRIDGE}/24 dev xenbr0 && ip link set xenbr0 up")
    machine.must("modprobe null_blk nr_devices=2 memory_backed=1 queue_mode=2 submit_queues=1 irqmode=0"
                 f" gb=1 bs=512 && test -b /dev/nullb1 && test {disk_mib} -le 1024")


def processor_seconds(machine: Machine) -> dict[str, float]:
    """Of each domain by name, as Xen counts them."""
    rows = [line.split() for line in machine.must(["xl", "list"]).splitlines()[1:]]
    return {row[0]: float(row[-1]) for row in rows}
