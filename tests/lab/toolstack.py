# SPDX-License-Identifier: Apache-2.0
"""What tests of zl's verbs speak with: `Zl` (ours), `Xl` (the oracle) and `Guest` (a domain made by zl)."""
import json
import re
import time

import pytest

from lab.errors import LabError
from lab.guest_shell import GuestShell

GUESTS = "/var/lib/zocalo-lab/guests"
WORK = "/var/lib/zocalo-lab/verbs"
BOOT_LIMIT_S = 300.0
# Nested paging is slow where the processor is emulated: what is said of both kinds is always seen on PV, on PVH in long runs.
KINDS = ["pv", pytest.param("pvh", marks=pytest.mark.long)]
MINI = {"kernel": f"{GUESTS}/vmlinux", "ramdisk": f"{GUESTS}/mini-initrd.img",
        "cmdline": "console=hvc0 quiet mitigations=off", "memory": 128}


def until(check, what: str, seconds: float = 120):
    """Waits for a true answer; the limit only bounds a failure."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.2)


def config_text(keys: dict) -> str:
    """A domain configuration in xl.cfg's syntax."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


class Zl:
    """zl in dom0. Calling it wants success; `fails` wants one exit status and gives the message."""

    def __init__(self, dom0):
        self.dom0 = dom0

    def __call__(self, *words, timeout: float = 180) -> str:
        return self.dom0.must(["zl", *map(str, words)], timeout)

    def fails(self, status: int, *words, timeout: float = 180) -> str:
        got, out, err = self.dom0.run(["zl", *map(str, words)], timeout)
        line = "zl " + " ".join(map(str, words))
        assert got == status, f"`{line}` ended with {got}, not {status}\nstdout: {out}\nstderr: {err}"
        assert err.startswith("zl: "), f"`{line}` says nothing on stderr that begins with `zl: `: {err!r}"
        return err

    def json(self, *words):
        return json.loads(self(*words, "-o", "json"))

    def detail(self, ref) -> dict:
        return json.loads(self("list", "-l", ref))

    def names(self) -> list[str]:
        return self("list", "-o", "csv", "-c", "name").split()[1:]

    def state(self, ref) -> str:
        return self.json("list", ref)["state"]


class Xl:
    """Stock xl and xenstore-*: what somebody else sees of our domains."""

    def __init__(self, dom0):
        self.dom0 = dom0

    def _rows(self, *words) -> list[list[str]]:
        return [line.split() for line in self.dom0.must(["xl", *words]).splitlines()[1:]]

    def domains(self) -> dict[str, dict]:
        """Of each domain: id, mem, vcpus, state (its six letters) and time."""
        return {row[0]: {"id": int(row[1]), "mem": int(row[2]), "vcpus": int(row[3]), "state": row[4],
                         "time": float(row[5])} for row in self._rows("list")}

    def vcpus(self, name: str) -> list[dict]:
        lines = self.dom0.must(["xl", "vcpu-list", name]).splitlines()[1:]
        shape = re.compile(r"\S+ +(\d+) +(\d+) +(\S+) +(\S+) +([\d.]+) +(.+?) / (.+?) *")
        rows = [shape.fullmatch(line) for line in lines]
        return [{"domid": int(row[1]), "id": int(row[2]), "cpu": row[3], "online": row[4] != "--p",
                 "hard": row[6], "soft": row[7]}
                for row in rows]

    def weight(self, name: str) -> tuple[int, int]:
        row = next(row for row in self._rows("sched-credit2") if row[0] == name)
        return int(row[2]), int(row[3])

    def disks(self, name: str) -> list[dict]:
        return [{"devid": int(row[0]), "handle": int(row[2]), "state": int(row[3]), "channel": int(row[4]),
                 "ring": int(row[5]), "backend": row[6]} for row in self._rows("block-list", name)]

    def nics(self, name: str) -> list[dict]:
        return [{"devid": int(row[0]), "mac": row[2], "state": int(row[4]), "backend": row[7]}
                for row in self._rows("network-list", name)]

    def node(self, path: str) -> str | None:
        status, out, _ = self.dom0.run(["xenstore-read", path])
        return out.rstrip("\n") if status == 0 else None


class Guest:
    """A domain from a configuration; nothing happens to it before `create` (or whatever a test does)."""

    def __init__(self, zl: Zl, name: str, kind: str, **keys):
        self.zl, self.name, self.kind = zl, name, kind
        self.keys = {"name": name, "type": kind, **MINI, **keys}
        self.file = f"{WORK}/{name}.cfg"
        self.shell: GuestShell | None = None
        self.write()

    def write(self, **keys):
        self.keys |= keys
        self.zl.dom0.put(self.file, config_text(self.keys))

    @property
    def domid(self) -> int:
        return int(self.zl("domid", self.name))

    @property
    def uuid(self) -> str:
        return self.zl.json("list", self.name)["uuid"]

    def create(self, *options) -> "Guest":
        self.zl("create", *options, self.file)
        return self

    def attach(self) -> GuestShell:
        """The console, once the guest has a shell on it."""
        self.detach()
        self.shell = GuestShell(self.zl.dom0, ["zl", "console", "--steal", self.name])
        self.shell.expect("zocalo-mini: ready", BOOT_LIMIT_S)
        self.shell.send("\n")
        self.shell.expect("mini# ", 60)
        return self.shell

    def detach(self):
        if self.shell is not None:
            self.shell.close()
            self.shell = None

    def path(self, rest: str) -> str:
        return f"/local/domain/{self.domid}/{rest}"

    def remove(self):
        """Whatever it is: afterwards nothing of it is there."""
        self.detach()
        for words in (("destroy", self.name), ("undefine", self.name)):
            status, _, err = self.zl.dom0.run(["zl", *words])
            if status not in (0, 3, 4):
                raise LabError(f"zl {' '.join(words)}: {err}")
        self.zl.dom0.must(["rm", "-f", self.file])
