# SPDX-License-Identifier: Apache-2.0
"""A guest whose backends are looked at closely: toolstack.Guest with its devices, processes and events."""
import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from leaks import LeakCheck
from toolstack import WORK, Guest, Zl

from lab.guest_shell import GuestShell


def make_bridge(dom0, *addresses: str):
    dom0.must("test -e /sys/class/net/xenbr0 || ip link add xenbr0 type bridge forward_delay 0;"
              + "".join(f"ip address replace {address} dev xenbr0{' nodad' if ':' in address else ''};"
                        for address in addresses) + "ip link set xenbr0 up")


def new_image(dom0, name: str, mib: int) -> str:
    path = f"{WORK}/{name}"
    dom0.must(f"mkdir -p {WORK} && rm -f {path} && truncate -s {mib}M {path}")
    return path


def image_digest(dom0, path: str, mib: int) -> str:
    return dom0.must(f"head -c {mib}M {path} | sha256sum").split()[0]


def program_disk(dom0, folder: Path, name: str, modules=()) -> str:
    """A raw disk with a tar of `NAME/main.cpp`, built static (the guest has no libraries), and of kernel modules."""
    here, program, inside = Path(__file__).resolve().parent, folder / name, f"{WORK}/{name}"
    subprocess.run(["g++", "-std=gnu++20", "-O1", "-static", f"-I{here.parents[1]}", str(here / name / "main.cpp"),
                    "-o", str(program)], check=True)
    dom0.put(f"{inside}/{name}", program.read_bytes(), 0o755)
    for module in modules:
        dom0.must(f"cp /lib/modules/$(uname -r)/kernel/drivers/xen/{module}.ko {inside}/")
    dom0.must(f"tar -cf {inside}.tar -C {inside} . && truncate -s %1M {inside}.tar")
    return f"{inside}.tar"


class MiniGuest(Guest):
    """Made and booted; `must` runs a shell line in it. Its disks and cards are served by our backends."""

    def __init__(self, dom0, name: str, disks=(), nics=()):
        super().__init__(Zl(dom0), name, "pv", vcpus=2, disk=list(disks), vif=list(nics))
        self.dom0 = dom0
        self.create()
        self.id = self.domid
        self.attach()
        # busybox's line editor dies of long lines; this reads them as they are.
        self.shell.send('while read -r l; do eval "$l"; done\n')

    def replay(self) -> GuestShell:
        """A new console, which begins with the history."""
        self.detach()
        self.shell = GuestShell(self.dom0, ["zl", "console", "--steal", self.name])
        return self.shell

    def must(self, command: str, within: float = 120) -> str:
        return self.shell.must(command, within)

    def wait_device(self, path: str):
        self.must(f"for i in $(seq 300); do test -e {path} && break; sleep 0.1; done; test -e {path}")

    def backend(self, kind: str) -> int:
        """The process that serves its disks ("blk") or cards ("net")."""
        return int(self.dom0.must(f"pgrep -f '^zocalo-{kind}back.*--domain={self.id}( |$)'"))

    def state(self, kind: str, devid: int) -> str:
        """The backend's xenbus state; empty when the device is not there."""
        path = f"/local/domain/0/zocalo/backend/{kind}/{self.id}/{devid}/state"
        return self.dom0.run(["xenstore-read", path])[1].strip()

    def events(self, kind: str) -> list[dict]:
        """What the daemon has told of this guest, oldest first."""
        answer = self.dom0.must("curl -sf --unix-socket /run/zocalo/toolstackd.sock"
                                " 'http://localhost/v1/events?since=0&limit=1000'")
        return [event for event in json.loads(answer)["events"]
                if event["name"] == self.name and event["kind"] == kind]

    def digest(self, path: str, mib: int) -> str:
        """Of the first MiBs of a disk, read past the guest's cache."""
        self.must("echo 3 > /proc/sys/vm/drop_caches")
        return self.must(f"dd if={path} bs=64k count={16 * mib} 2>/dev/null | sha256sum").split()[0]


@contextlib.contextmanager
def mini_guest(dom0, disks=(), nics=()):
    """The guest of a file's tests. When they are over, dom0 must be as it was before it."""
    check = LeakCheck(dom0)
    check.begin()
    made = MiniGuest(dom0, "web", disks, nics)
    yield made
    made.remove()
    if found := check.end():
        pytest.fail("something was left behind:\n" + "\n".join(found), pytrace=False)
