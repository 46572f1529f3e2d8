# SPDX-License-Identifier: Apache-2.0
"""Equal Debian guests in one boot, one for each candidate: our backends (zl), Linux's own and QEMU's qdisk (stock xl)."""
import argparse
import csv
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from lab import cli, qemu  # noqa: E402
from lab.errors import LabError  # noqa: E402
from lab.guest_shell import GuestShell  # noqa: E402
from lab.machine import Machine  # noqa: E402

GUESTS = "/var/lib/zocalo-lab/guests"
WORK = "/var/lib/zocalo-lab/bench"
BOOT_S = 1500.0
BRIDGE = "10.78.0.1"


@dataclass(frozen=True)
class Candidate:
    """Who serves the measured disk and card: the tool that makes the guest, its address, its xvdb, and the
    engine of our disks from then on."""

    tool: str
    address: str
    disk: str = ""
    engine: str = ""


CANDIDATES = {
    "ours": Candidate("zl", "10.78.0.2", "format=raw,vdev=xvdb,access=rw,target=/dev/nullb0"),
    "uring": Candidate("zl", "10.78.0.7", "format=raw,vdev=xvdb,access=rw,target=/dev/nullb3", "io_uring"),
    "linux": Candidate("xl", "10.78.0.3", "phy:/dev/nullb1,xvdb,w"),
    "qdisk": Candidate("xl", "10.78.0.4", "format=raw,vdev=xvdb,access=rw,backendtype=qdisk,target=/dev/nullb2"),
}
# The other ends of frames from guest to guest.
PEERS = {"ours": Candidate("zl", "10.78.0.5"), "linux": Candidate("xl", "10.78.0.6")}


def boot(args, share: Path | None = None) -> Machine:
    class Deb:
        no_deb, deb = False, None
    deb = cli.find_deb(Deb)
    cli.build_images(deb)
    options = qemu.Options(memory_mib=args.memory, icount=args.icount, cpus=1 if args.icount else 2, share=share,
                           erms=not args.no_erms)
    machine = Machine(options, deb)
    machine.wait_up(BOOT_S)
    return machine


class Guest:
    """Made, booted to a shell without an init: nothing else runs in it."""

    def __init__(self, machine: Machine, candidate: str, vcpus: int, peer: bool = False):
        self.machine, self.name = machine, f"bench-{candidate}" + ("-peer" if peer else "")
        chosen = (PEERS if peer else CANDIDATES)[candidate]
        self.tool, self.address = chosen.tool, chosen.address
        if chosen.engine:
            choose_engine(machine, chosen.engine)
        root = f"{WORK}/{self.name}.img"
        machine.must(f"cp --reflink=always {GUESTS}/debian.img {root}")
        # For xl, a file is qdisk's business; Linux's backend gets a loop device.
        first = f"format=raw,vdev=xvda,access=rw,target={root}" if self.tool == "zl" else \
            f"phy:{machine.must(['losetup', '--find', '--show', root]).strip()},xvda,w"
        keys = {"name": self.name, "type": "pv", "vcpus": vcpus, "memory": 256, "kernel": f"{GUESTS}/vmlinux",
                "ramdisk": f"{GUESTS}/initrd.img", "on_crash": "preserve",
                "cmdline": "root=/dev/xvda rw console=hvc0 init=/bin/bash quiet mitigations=off",
                "disk": [disk for disk in (first, chosen.disk) if disk], "vif": ["bridge=xenbr0"]}
        machine.put(f"{WORK}/{self.name}.cfg", "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items()))
        machine.must([self.tool, "create", f"{WORK}/{self.name}.cfg"], BOOT_S)
        self.attach()
        self.must("mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /tmp;"
                  f" ip link set lo up; ip address add {self.address}/24 dev eth0; ip link set eth0 up", BOOT_S)

    def attach(self):
        """Again after the daemon was restarted, which ends its consoles."""
        steal = ["--steal"] if self.tool == "zl" else []
        self.shell = GuestShell(self.machine, [self.tool, "console", *steal, self.name])
        self.shell.send("\n")
        self.shell.expect("[#] ", BOOT_S)

    def must(self, command: str, within: float = 900) -> str:
        return self.shell.must(command, within)


def choose_engine(machine: Machine, engine: str):
    machine.put("/etc/zocalo/toolstackd.toml", f'[backends]\ndisk_engine = "{engine}"\n')
    machine.must("systemctl restart toolstackd", BOOT_S)


def prepare(machine: Machine, disk_mib: int):
    machine.must(f"mkdir -p {WORK} && ip link add xenbr0 type bridge forward_delay 0"
                 f" && ip address add {BRIDGE}/24 dev xenbr0 && ip link set xenbr0 up")
    machine.must("modprobe null_blk nr_devices=4 memory_backed=1 queue_mode=2 submit_queues=1 irqmode=0"
                 f" gb=1 bs=512 && test -b /dev/nullb3 && test {disk_mib} -le 1024")


def processor_seconds(machine: Machine) -> dict[str, float]:
    """Of each domain by name, as Xen counts them."""
    rows = [line.split() for line in machine.must(["xl", "list"]).splitlines()[1:]]
    return {row[0]: float(row[-1]) for row in rows}


def alternating(names: list[str], rounds: int):
    """(round, name): each round goes through all, every other one backwards."""
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            yield turn, name


def median(rows: list[dict], key: str, **wanted) -> float:
    """Of the rows whose fields are as wanted."""
    return statistics.median(row[key] for row in rows if all(row[name] == value for name, value in wanted.items()))


def parser(name: str, about: str) -> argparse.ArgumentParser:
    """The options that the benches of backends share."""
    made = argparse.ArgumentParser(prog=f"./dev bench {name}", description=about)
    made.add_argument("--rounds", type=int, default=3, help="how often each row is measured (default 3)")
    made.add_argument("--seconds", type=int, default=3, help="of one measurement (default 3)")
    made.add_argument("--vcpus", type=int, default=1)
    made.add_argument("--memory", type=int, default=3072, help="MiB of the whole machine")
    made.add_argument("--icount", action="store_true", help="guest time counts instructions")
    made.add_argument("--no-erms", action="store_true",
                      help="the kernels copy by words: about what a copy costs on hardware, where bytes count one by one here")
    return made


def run(name: str, args, columns: list[str], measure, table, plot) -> int:
    """Measures, keeps the rows and the picture in build/bench, prints the table: the exit status."""
    try:
        rows = measure(args)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    out = HERE.parent.parent / "build/bench" / (f"{name}{'-icount' if args.icount else ''}{'-no-erms' if args.no_erms else ''}")
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".csv").open("w") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    out.with_suffix(".svg").write_text(plot(rows))
    table(rows)
    print(f"written: {out}.csv, {out}.svg")
    return 0
