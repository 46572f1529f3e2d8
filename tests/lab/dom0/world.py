# SPDX-License-Identifier: Apache-2.0
"""Runs in dom0: what there is of our domains, in words that do not depend on domids or on the moment.

Two worlds are equal when a user could not tell them apart: same domains in Xen, same xenstore nodes, same
processes, descriptors, taps, control groups, files and rows. Each part is a sorted list of lines, so that a
difference reads like a patch.
"""
import http.client
import json
import os
import re
import socket
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path

SOCKET = "/run/zocalo/toolstackd.sock"
DATABASE = "/var/lib/zocalo/domains.db"
# Values that differ between two domains which are the same to their user.
VOLATILE = re.compile(r"/(start_time|port|ring-ref|event-channel(-[rt]x)?|[rt]x-ring-ref|ring-ref\d*)$")
BACKENDS = ("zocalo-blkback", "zocalo-netback")


class _UnixHttp(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def ask(path: str, timeout: float = 30):
    """GET of the daemon's API, as JSON."""
    connection = _UnixHttp("localhost", timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def rows(query: str) -> list[tuple]:
    """What the database holds now; the daemon's own journal of operations is read as it stands."""
    with sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True, timeout=10) as database:
        return database.execute(query).fetchall()


def daemon_pid() -> int:
    return int(Path("/sys/fs/cgroup/system.slice/toolstackd.service/cgroup.procs").read_text().split()[0])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _processes() -> dict[int, str]:
    """The backends that run: pid to command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            line = _read(entry / "cmdline").replace("\0", " ").strip()
            if line.startswith(BACKENDS):
                found[int(entry.name)] = line
    return found


def _descriptors(pid: int) -> list[str]:
    """What a process holds open, counted by kind.

    Files go by their last name: the folders of what a daemon opened are no longer shown once it died, because its
    mount namespace has gone with it. The kernel that a daemon unpacked last, one, is kept open as a cache.
    """
    kinds: Counter = Counter()
    kernels = 0
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(entry.path)
        except OSError:
            continue
        if target.endswith("/points"):  # the log of failpoints
            continue
        if "/kernels/" in target:
            kernels += 1
            continue
        kinds[re.sub(r":\[\d+\]$|-\d+\.journal$", "", target).rpartition("/")[2]] += 1
    kinds["kernel too many"] += max(0, kernels - 1)
    return [f"{count} x {kind}" for kind, count in kinds.items() if count]


def _xenstore() -> list[str]:
    """Every node but dom0's own, with its rights; values where they mean something."""
    lines = []
    for line in subprocess.check_output(["xenstore-ls", "-fp"], text=True, errors="replace").splitlines():
        path, _, rest = line.partition(" = ")
        own = path.startswith("/local/domain/0/") and not path.startswith(("/local/domain/0/backend", "/local/domain/0/zocalo"))
        if own or path.startswith("/tool"):
            continue
        value, _, rights = rest.rpartition("   ")
        lines.append(f"{path} = {'*' if VOLATILE.search(path) else value.strip()} {rights.strip()}")
    return lines


def _domains() -> list[str]:
    """Xen's own list: identifier and lasting state; whether it runs just now is chance."""
    lines = []
    for line in subprocess.check_output(["xl", "list"], text=True).splitlines()[1:]:
        name, domid, memory, vcpus, state, _ = line.rsplit(None, 5)
        if domid != "0":
            lines.append(f"{name.strip()} domid={domid} vcpus={vcpus} {state.translate(str.maketrans('', '', 'rb-'))}")
    return lines


def _links() -> list[str]:
    lines = []
    for link in Path("/sys/class/net").iterdir():
        if (link / "tun_flags").exists() or (link / "bridge").exists():
            bridge = link / "brport/bridge"
            lines.append(f"{link.name} on {os.path.basename(os.readlink(bridge)) if bridge.exists() else '-'}")
    return lines


def _files() -> list[str]:
    """What lies in our folders; logs of consoles are kept on purpose and are no leak."""
    return [f"{path}{' (socket)' if path.is_socket() else ''}"
            for root in ("/run/zocalo", "/var/lib/zocalo") for path in Path(root).rglob("*")]


def _rows() -> list[str]:
    lines = [f"domain {name} {desired} managed={managed} {reason}" for name, desired, managed, reason in
             rows("SELECT name, desired, managed, reason FROM domain")]
    lines += [f"instance {name} domid={domid} {phase} after={after}"
              for name, domid, phase, after in rows(
                  "SELECT name, domid, phase, after_end FROM instance JOIN domain USING (uuid)")]
    lines += [f"device {name} {kind} {devid} {state}" for name, kind, devid, state in rows(
        "SELECT name, kind, devid, state FROM device JOIN domain USING (uuid)")]
    lines += [f"resource {name} {kind} {key} {state} {devid}" for name, kind, key, state, devid in rows(
        "SELECT name, kind, key, resource.state, devid FROM resource JOIN domain USING (uuid)")]
    lines += [f"unfinished operation {op} {verb}" for op, verb in rows("SELECT id, verb FROM op WHERE finished_ms = 0")]
    return lines


def _told() -> list[str]:
    """What clients of the daemon are told."""
    lines = [f"{domain['name']} domid={domain['domid']} {domain['state']} {domain['ownership']}"
             for domain in ask("/v1/domains") if domain["domid"] != 0]
    return lines + [f"doctor: {finding['severity']} {finding['text']}" for finding in ask("/v1/doctor")]


def _neutral(text: str, domid: int, uuid: str, name: str) -> str:
    number = re.escape(str(domid))
    text = text.replace(uuid, f"<{name}>")
    text = re.sub(r"--([ug]id)=\d+", r"--\1=<own>", text)  # backends' users follow the domid
    text = re.sub(r"--poll-us=\d+", "--poll-us=<measured>", text)  # by each daemon for itself
    text = re.sub(rf"(/local/domain/|/libxl/|/backend/\w+/|\bvif|domain=|domid=|^{name} domid=){number}(?=\D|$)",
                  r"\1<id>", text)
    text = re.sub(rf'(/(domid|frontend-id) = "){number}"', r'\1<id>"', text)
    return re.sub(rf"([(,][nrbw]){number}(?=[,)])", r"\1<id>", text)


def known() -> list[tuple[int, str, str]]:
    """domid, uuid and name of the domains that the database says are in Xen."""
    return rows("SELECT domid, uuid, name FROM instance JOIN domain USING (uuid) WHERE phase != 'none'")


def snapshot() -> dict[str, list[str]]:
    """The world as it is; may raise while the daemon is away."""
    names = known()
    processes = _processes()
    world = {
        "domains": _domains(), "xenstore": _xenstore(), "links": _links(), "files": _files(), "rows": _rows(),
        "told": _told(), "processes": list(processes.values()),
        "groups": [path.name for path in Path("/sys/fs/cgroup").glob("*/zocalo-backends.scope/*/")],
        "cgroups": [_read(Path(f"/proc/{pid}/cgroup")) for pid in processes],
        "loops": [_read(path) for path in Path("/sys/block").glob("loop*/loop/backing_file")],
        "daemon's descriptors": _descriptors(daemon_pid()),
        "backends' descriptors": [f"{line.split()[0]}: {kind}" for pid, line in processes.items()
                                  for kind in _descriptors(pid)],
    }

    def neutral(line: str) -> str:
        for domid, uuid, name in names:
            line = _neutral(line, domid, uuid, name)
        return line
    return {part: sorted(neutral(line) for line in lines) for part, lines in world.items()}


def difference(wanted: dict, found: dict) -> list[str]:
    """Lines as of a patch; empty when the worlds are equal."""
    lines = []
    for part, want in wanted.items():
        have = found[part]
        missing, extra = Counter(want) - Counter(have), Counter(have) - Counter(want)
        lines += [f"{part}: - {line}" for line in missing.elements()]
        lines += [f"{part}: + {line}" for line in extra.elements()]
    return lines
