#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in dom0: prints as JSON everything that domains could leave behind (leaks.py compares it).

Each part is a list of short lines without addresses, pids or times, so that two lists of the same world are
equal. A domid is replaced by its domain's name: a reboot is no leak.
"""
import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
from pathlib import Path

XENSTORED = "/run/xenstored/socket"
XS_DIRECTORY, XS_ERROR = 1, 16  # enum xsd_sockmsg_type of <xen/io/xs_wire.h>
HEAD = struct.Struct("<IIII")
DATABASE = "/var/lib/zocalo/domains.db"
FOLDERS = ("/run/zocalo", "/var/lib/zocalo")
ROWS = {
    "database": ("select 'domain ' || domain.name || ' ' || coalesce(instance.phase, '-') from domain"
                 " left join instance using (uuid)",
                 "select 'resource ' || kind || ' ' || key || ' ' || state from resource",
                 "select 'device ' || kind || ' ' || devid || ' ' || state from device",
                 "select 'unfinished operation ' || verb || ' ' || name from op where finished_ms = 0"),
}


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def text_of(path: Path) -> str:
    try:
        return path.read_text().strip("\0\n").replace("\0", " ")
    except OSError:
        return ""


class Store:
    """xenstored's directories, a whole level at a time: a process or a round trip for each node takes seconds."""

    def __init__(self):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(XENSTORED)
        self.file = self.stream.makefile("rb")

    def children(self, paths: list[str]) -> list[str]:
        found = []
        for start in range(0, len(paths), 64):
            some = paths[start:start + 64]
            self.stream.sendall(b"".join(HEAD.pack(XS_DIRECTORY, number, 0, len(path) + 1) + path.encode() + b"\0"
                                         for number, path in enumerate(some)))
            for _ in some:
                kind, number, _, length = HEAD.unpack(self.file.read(HEAD.size))
                body = self.file.read(length).decode()
                if kind == XS_ERROR and body != "ENOENT\0":
                    raise OSError(f"xenstored: {some[number]}: {body}")
                if kind != XS_ERROR:
                    found += [f"{some[number].rstrip('/')}/{name}" for name in body.split("\0") if name]
        return found

    def all(self) -> list[str]:
        level, paths = ["/"], []
        while level := self.children(level):
            paths += level
        return paths


def named(lines: list[str], names: dict[str, str]) -> list[str]:
    """Domids in xenstore paths and interface names become the domains' names."""
    def name(match: re.Match) -> str:
        return match[1] + names.get(match[2], match[2])
    places = re.compile(r"^(/local/domain/|/libxl/|/local/domain/0/(?:zocalo/)?backend/\w+/|link vif|link tap)([1-9]\d*)\b")
    return sorted(places.sub(name, line) for line in lines)


def processes() -> list[str]:
    lines = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        line = text_of(folder / "cmdline")
        program = line.split(" ")[0].rsplit("/", 1)[-1]
        if re.match(r"zocalo-\w+back|zl$|xl$|xenconsole$|libxl-|qemu", program):
            lines.append(re.sub(r" --\w+(-\w+)*=\d+", "", line))
    return lines


def descriptors() -> list[str]:
    """Of the daemon. The kernel cache's are bounded by its size and stay on purpose."""
    pid = output("pidof", "toolstackd").strip()
    counts: dict[str, int] = {}
    for link in Path(f"/proc/{pid}/fd").iterdir() if pid else []:
        try:
            target = re.sub(r":\[\d+\]", "", os.readlink(link))
        except OSError:
            continue
        if not target.startswith("/var/cache/zocalo/"):
            counts[target] = counts.get(target, 0) + 1
    return [f"{target} x{count}" for target, count in counts.items()]


def links() -> list[str]:
    lines = []
    for folder in Path("/sys/class/net").iterdir():
        master = folder / "master"
        where = f" in {os.path.basename(os.readlink(master))}" if master.is_symlink() else ""
        lines.append(f"link {folder.name}{where}")
    return lines


def loops() -> list[str]:
    return [f"{file.parent.parent.name} {text_of(file)}" for file in Path("/sys/block").glob("loop*/loop/backing_file")]


def groups() -> list[str]:
    return [path.name for path in Path("/sys/fs/cgroup").glob("*/zocalo-backends.scope/*/")]


def files() -> list[str]:
    return [str(Path(root) / name) for top in FOLDERS for root, folders, names in os.walk(top)
            for name in folders + names if not name.startswith("domains.db")]


def database() -> list[str]:
    with sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True, timeout=10) as connection:
        return [row[0] for query in ROWS["database"] for row in connection.execute(query)]


def channels(names: dict[str, str]) -> list[str]:
    ports: dict[str, int] = {}
    for other in re.findall(r"Interdomain \(Connected\) - Remote Domain (\d+)", output("lsevtchn", "0")):
        ports[other] = ports.get(other, 0) + 1
    return [f"{count} with {names.get(other, other)}" for other, count in ports.items()]


def main():
    os.environ["PATH"] += ":/usr/lib/xen-4.17/bin"
    rows = [line.split() for line in output("xl", "list").splitlines()[1:]]
    names = {row[1]: row[0] for row in rows}
    state = {
        "domains in Xen": sorted(row[0] for row in rows),
        "xenstore nodes": named(Store().all(), names),
        "event channels of dom0": channels(names),
        "processes": processes(),
        "groups": groups(),
        "descriptors of toolstackd": descriptors(),
        "network links": named(links(), names),
        "loop devices": loops(),
        "files": files(),
        "rows of the database": database(),
    }
    state = {part: sorted(lines) for part, lines in state.items()}
    state["free MiB in Xen"] = int(output("xl", "info", "free_memory"))
    print(json.dumps(state))


if __name__ == "__main__":
    main()
