# SPDX-License-Identifier: Apache-2.0
"""A Debian guest under fio's verification and a checked connection, while one thing after the other happens to its backends.

ZOCALO_ENDURANCE_MINUTES (default 5) is how long; ZOCALO_ENDURANCE_SEED repeats an order of events. What was done and how
much was read, written and sent is printed at the end (pytest -s).
"""
import collections
import json
import os
import random
import shlex
import time
from pathlib import Path

import pytest
from toolstack import GUESTS, WORK, until

from lab.guest_shell import GuestShell

pytestmark = pytest.mark.long
HYPERVISORS = ("xen", "core")

MINUTES = float(os.environ.get("ZOCALO_ENDURANCE_MINUTES", "5"))
SEED = int(os.environ.get("ZOCALO_ENDURANCE_SEED", str(random.randrange(1 << 30))))
BOOT_S = 900.0
MIB = 1 << 20
CHECKED_MIB = 64  # of the disk; the rest is what it grows by
PIECE = 256 << 10
HOST, PORT = "10.77.0.1", 5001
FIO = ("fio --name=e --filename=/dev/xvdb --direct=1 --ioengine=libaio --iodepth=16 --rw=randrw --bsrange=512-128k"
       f" --size={CHECKED_MIB}m --verify=crc32c --verify_backlog=64 --verify_fatal=1 --serialize_overlap=1"
       " --time_based --runtime={seconds} --output-format=json --output=/tmp/fio.json")
# Each round sends a new piece, has it sent back, and compares.
TALKER = """\
n=0
while ! test -e /tmp/stop; do
    exec 3<>/dev/tcp/{host}/{port} || {{ sleep 1; continue; }}
    while ! test -e /tmp/stop; do
        head -c {piece} /dev/urandom > /tmp/sent
        cat /tmp/sent >&3 || {{ echo send >> /tmp/bad; break; }}
        head -c {piece} <&3 > /tmp/back
        cmp /tmp/sent /tmp/back >> /tmp/bad 2>&1
        n=$((n+1)); echo $n > /tmp/next; mv /tmp/next /tmp/pieces
    done
    exec 3>&-
done
echo > /tmp/talked
"""


class Endured:
    """The guest and what can happen to it."""

    def __init__(self, zl):
        self.zl, self.dom0, self.name = zl, zl.dom0, "endures"
        self.size_mib = CHECKED_MIB
        root, self.image, self.other = f"{WORK}/endures-root.img", f"{WORK}/endures.img", f"{WORK}/endures-other.img"
        self.dom0.must(f"cp --reflink=always {GUESTS}/debian.img {root} && truncate -s {CHECKED_MIB}M {self.image}"
                       f" && truncate -s 8M {self.other}")
        self.files = (root, self.image, self.other)
        keys = {"name": self.name, "type": "pv", "memory": 256, "kernel": f"{GUESTS}/vmlinuz", "ramdisk": f"{GUESTS}/initrd.img",
                "cmdline": "root=/dev/xvda rw console=hvc0 init=/bin/bash quiet mitigations=off",
                "disk": [f"format=raw,vdev=xvda,access=rw,target={root}", f"format=raw,vdev=xvdb,access=rw,target={self.image}"],
                "vif": ["bridge=xenbr0"]}
        self.dom0.put(f"{WORK}/endures.cfg", "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
        zl("create", f"{WORK}/endures.cfg", timeout=BOOT_S)
        self.attach(BOOT_S)
        self.must("mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /tmp; ip link set lo up;"
                  " ip address add 10.77.0.2/24 dev eth0; ip link set eth0 up", BOOT_S)

    def attach(self, limit_s: float):
        self.shell = GuestShell(self.dom0, ["zl", "console", "--steal", self.name])
        self.shell.send("\n")
        self.shell.expect("[#] ", limit_s)

    def must(self, command: str, limit_s: float = 300) -> str:
        return self.shell.must(command, limit_s)

    def pid(self, kind: str) -> str:
        return self.dom0.run(f"pgrep -f '^zocalo-{kind}back.*--domain={self.zl('domid', self.name).strip()}( |$)'")[1].strip()

    def kill(self, kind: str):
        old = until(lambda: self.pid(kind), f"a {kind}back")
        self.dom0.must(f"kill -9 {old}")
        until(lambda: self.pid(kind) not in ("", old), f"another {kind}back")

    def kill_disk(self):
        self.kill("blk")

    def kill_card(self):
        self.kill("net")

    def kill_daemon(self):
        self.dom0.must("kill -9 $(systemctl show -P MainPID toolstackd)")
        until(lambda: self.dom0.run(["zl", "list"])[0] == 0, "the daemon is back")
        self.attach(120)

    def grow(self):
        self.size_mib += 1
        self.dom0.must(f"truncate -s {self.size_mib}M {self.image}")
        self.zl("block-measure", self.name, "xvdb")
        until(lambda: self.must("blockdev --getsize64 /dev/xvdb") == str(self.size_mib * MIB), "the guest sees the new size")

    def plug_disk(self):
        self.zl("block-attach", self.name, f"format=raw,vdev=xvdc,access=rw,target={self.other}")
        self.must("for i in $(seq 300); do test -b /dev/xvdc && break; sleep 0.2; done; "
                  "dd if=/dev/urandom of=/dev/xvdc bs=64k count=16 conv=fsync 2>/dev/null")
        self.zl("block-detach", self.name, "xvdc")

    def plug_card(self):
        self.zl("network-attach", self.name, "bridge=xenbr0")
        self.must("for i in $(seq 300); do test -e /sys/class/net/eth1 && break; sleep 0.2; done; test -e /sys/class/net/eth1")
        self.zl("network-detach", self.name, "1")

    def change_mtu(self):
        for mtu in (1400, 1500):
            self.dom0.must(f"ip link set xenbr0 mtu {mtu}")

    def limit(self):
        self.zl("block-limit", "--bytes", str(4 * MIB), self.name, "xvdb")
        self.zl("block-limit", self.name, "xvdb")

    EVENTS = (kill_disk, kill_card, kill_daemon, grow, plug_disk, plug_card, change_mtu, limit)

    def remove(self):
        self.shell.close()
        self.zl("destroy", self.name)
        self.dom0.must(f"rm -f {' '.join(self.files)} {WORK}/endures.cfg")


@pytest.fixture
def endured(zl):
    made = Endured(zl)
    yield made
    made.remove()


@pytest.fixture
def server(dom0, zl):
    dom0.put(f"{WORK}/echo_server.py", (Path(__file__).parent / "dom0/echo_server.py").read_bytes())
    server = dom0.start(f"exec python3 {WORK}/echo_server.py {HOST} {PORT} {PIECE}")
    server.end_input()
    yield
    server.signal(15)
    dom0.must(f"rm -f {WORK}/echo_server.py")


def start(endured: Endured):
    for line in TALKER.format(host=HOST, port=PORT, piece=PIECE).splitlines():
        endured.must(f"echo {shlex.quote(line)} >> /tmp/talker")
    endured.must("{ bash /tmp/talker > /dev/null 2>&1 < /dev/null & }")
    endured.must("{ { " + FIO.format(seconds=int(MINUTES * 60)) + " > /tmp/fio.said 2>&1 < /dev/null;"
                 " echo $? > /tmp/fio.status; } & }")


def test_data_stays_what_it_is_whatever_happens_to_backends_and_daemon(dom0, zl, endured, server):
    chance, done = random.Random(SEED), collections.Counter()
    print(f"seed {SEED}, {MINUTES:g} minutes")
    start(endured)
    end = time.monotonic() + MINUTES * 60
    while time.monotonic() < end:
        event = chance.choice(Endured.EVENTS)
        event(endured)
        done[event.__name__] += 1
    until(lambda: endured.must("cat /tmp/fio.status 2>/dev/null; true"), "fio has verified the rest", 1800)
    endured.must("echo > /tmp/stop")
    until(lambda: endured.must("cat /tmp/talked 2>/dev/null && echo yes; true"), "the last piece is back", 600)
    assert endured.must("cat /tmp/fio.status") == "0", endured.must("tail -c 2000 /tmp/fio.said /tmp/fio.json")
    assert endured.must("cat /tmp/bad") == ""
    counts = endured.must("grep -E '\"(total_ios|io_bytes)\"' /tmp/fio.json | head -4 | tr -d ' \\n'")
    pieces = int(endured.must("cat /tmp/pieces"))
    print(f"{dict(done)}; fio: {counts}; {pieces} pieces of {PIECE} bytes there and back")
    assert pieces > 0 and done
    inside = endured.must(f"sync; echo 3 > /proc/sys/vm/drop_caches; head -c {CHECKED_MIB * MIB} /dev/xvdb | sha256sum", 600)
    outside = dom0.must(f"head -c {CHECKED_MIB * MIB} {endured.image} | sha256sum", 300)
    assert inside.split()[0] == outside.split()[0]
    failed = [row for row in zl.json("events", "--no-follow") if row["kind"] == "device.failed" and row["name"] == "endures"]
    assert not failed
