#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""zocalo-blkback on a real hypervisor, without the daemon: runs in dom0, next to the two programs.

    ./dev lab run --share DIR -- python3 /mnt/share/blk_real.py

DIR holds this file, blk_driver and zocalo-blkback. A minimal PV guest gets a disk by hot attach, fills
it, reads it back past its cache, and detaches it; dom0 compares the image. Ends with one line for each
check: "ok NAME" or "not ok NAME: WHY".
"""
import hashlib
import os
import pty
import random
import re
import select
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
GUESTS = Path("/var/lib/zocalo-lab/guests")
SCRATCH = Path("/var/lib/zocalo-lab/scratch")
LIMIT = 180  # seconds for anything that emulated machines do
MIB = 1 << 20
WRITTEN = 4  # MiB


class Talk:
    """A child process with a conversation: send() a line, expect() a pattern."""

    def __init__(self, command: list[str], echo: str):
        self.name, self.text = echo, ""
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True)
        os.close(slave)

    def send(self, line: str):
        os.write(self.master, (line + "\n").encode())

    def expect(self, pattern: str, limit: float = LIMIT) -> re.Match:
        end = time.monotonic() + limit
        while True:
            if match := re.search(pattern, self.text):
                self.text = self.text[match.end():]
                return match
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            try:
                data = os.read(self.master, 65536) if ready else b""
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"{self.name} did not say /{pattern}/; its last words: {self.text[-1500:]!r}")
            text = data.decode(errors="replace").replace("\r", "")
            for line in text.splitlines():
                print(f"    {self.name}: {line}", file=sys.stderr)
            self.text += text


class Guest:
    """A minimal PV guest; sh() runs a command on its console and gives its output."""

    def __init__(self):
        config = SCRATCH / "blk-real.cfg"
        config.write_text(f'name = "blk-real"\nmemory = 192\nvcpus = 1\ntype = "pv"\n'
                          f'kernel = "{GUESTS}/vmlinuz"\nramdisk = "{GUESTS}/mini-initrd.img"\n'
                          'cmdline = "console=hvc0 quiet"\n')
        subprocess.run(["xl", "create", "-q", str(config)], check=True)
        self.id = int(subprocess.check_output(["xl", "domid", "blk-real"]))
        self.console = Talk(["xl", "console", "blk-real"], "guest")
        self.console.expect("zocalo-mini: ready")
        self.count = 0

    def sh(self, command: str, limit: float = LIMIT) -> str:
        self.count += 1
        # The marks are split in the command, so that its echo is not taken for the answer.
        self.console.send(f"echo BE''GIN{self.count}; {{ {command}; }} 2>&1; echo EN''D{self.count} $?")
        match = self.console.expect(rf"(?s)BEGIN{self.count}\n(.*?)END{self.count} (\d+)\n", limit)
        output = match.group(1).strip()
        assert match.group(2) == "0", f"in the guest: {command}: {output}"
        return output

    def destroy(self):
        subprocess.run(["xl", "destroy", "blk-real"], check=False)


def driver(guest: Guest, image: Path, *more: str) -> Talk:
    return Talk([str(HERE / "blk_driver"), f"--domain={guest.id}", f"--image={image}",
                 f"--backend={HERE / 'zocalo-blkback'}", "--uid=65534", *more], "driver")


def pattern(mib: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(MIB) * mib


def new_image(name: str, mib: int) -> Path:
    path = SCRATCH / name
    with path.open("wb") as out:
        out.truncate(mib * MIB)
    return path


def digest(path: Path, mib: int) -> str:
    with path.open("rb") as data:
        return hashlib.sha256(data.read(mib * MIB)).hexdigest()


def check_write_and_read(guest: Guest, image: Path, disk: Talk):
    """What the guest writes is in the image, and what it reads back past its cache is the same."""
    disk.expect("own state 4")
    guest.sh("while [ ! -b /dev/xvda ]; do sleep 0.1; done")
    assert guest.sh("blockdev --getsize64 /dev/xvda") == str(64 * MIB)
    guest.sh(f"dd if=/dev/urandom of=/tmp/data bs=64k count={WRITTEN * 16} 2>/dev/null")
    wrote = guest.sh("sha256sum < /tmp/data | cut -d' ' -f1")
    guest.sh("dd if=/tmp/data of=/dev/xvda bs=64k conv=fsync 2>/dev/null")
    assert digest(image, WRITTEN) == wrote, "the image differs from what the guest wrote"
    guest.sh("echo 3 > /proc/sys/vm/drop_caches")
    read = guest.sh(f"dd if=/dev/xvda bs=64k count={WRITTEN * 16} 2>/dev/null | sha256sum | cut -d' ' -f1")
    assert read == wrote, f"guest read {read}, wrote {wrote}"
    disk.send("stats")
    stats = dict(re.findall(r"stat (\w+) (\d+)", disk.expect(r"(?s)(.*)done stats").group(1)))
    assert int(stats["write_bytes"]) >= WRITTEN * MIB and int(stats["io_errors"]) == 0, stats
    assert int(stats["flush_requests"]) > 0, "fsync reached no flush"
    status = Path(f"/proc/{backend_pid()}/status").read_text()
    assert re.search(r"Uid:\s+65534\s+65534\s+65534\s+65534", status), status
    assert re.search(r"CapEff:\s+0+\n", status) and "NoNewPrivs:\t1" in status, status


def backend_pid() -> int:
    return int(subprocess.check_output(["pgrep", "-o", "-f", "^zocalo-blkback"]))


def check_restarted_daemon(guest: Guest, disk: Talk):
    """The control connection goes and comes back under I/O; the guest sees nothing."""
    guest.console.send("dd if=/dev/xvda of=/dev/null bs=64k count=512 2>/dev/null; echo READ''ALL $?")
    disk.send("restart")
    disk.expect("adopted connected")
    guest.console.expect(r"READALL 0", LIMIT)


def check_reconnect(guest: Guest, disk: Talk):
    """The frontend driver lets go and takes the disk again: Closed, Initialising, Connected."""
    guest.sh("echo vbd-51712 > /sys/bus/xen/drivers/vbd/unbind")
    disk.expect("own state 6")
    guest.sh("echo vbd-51712 > /sys/bus/xen/drivers/vbd/bind")
    disk.expect("own state 4")
    guest.sh("while [ ! -b /dev/xvda ]; do sleep 0.1; done; dd if=/dev/xvda of=/dev/null bs=64k count=16")


def check_detach(guest: Guest, disk: Talk):
    """Detach ends with the nodes gone and the process gone."""
    disk.send("detach")
    disk.expect("removed")
    disk.expect("backend exit 0")
    guest.sh("[ ! -b /dev/xvda ]")


def check_other_side(guest: Guest):
    """The guest reads what dom0 put into the image; a read-only disk refuses writes."""
    image = new_image("ro.img", 8)
    image.write_bytes(pattern(8, seed=7))
    disk = driver(guest, image, "--read-only")
    disk.expect("own state 4")
    guest.sh("while [ ! -b /dev/xvda ]; do sleep 0.1; done")
    assert guest.sh("dd if=/dev/xvda bs=64k 2>/dev/null | sha256sum | cut -d' ' -f1") == digest(image, 8)
    guest.sh("! dd if=/dev/zero of=/dev/xvda bs=4k count=1 2>/dev/null")
    disk.send("force")
    disk.expect("backend exit 0")


def say_what_is(disk: Talk | None):
    """For whoever reads the failure: the device's counters, the nodes and the process."""
    try:
        if disk:
            disk.send("stats")
            disk.expect("done stats", 10)
        for command in ("xenstore-ls -f /local/domain/0/backend", "ps axo pid,stat,wchan:20,args"):
            subprocess.run(command.split(), stdout=sys.stderr, check=False)
    except (AssertionError, OSError) as error:
        print(f"    no more to say: {error}", file=sys.stderr)


def main() -> int:
    SCRATCH.mkdir(exist_ok=True)
    guest, bad = Guest(), 0
    image = new_image("rw.img", 64)
    disk = driver(guest, image)
    steps = [("write and read", lambda: check_write_and_read(guest, image, disk)),
             ("restarted daemon", lambda: check_restarted_daemon(guest, disk)),
             ("reconnect", lambda: check_reconnect(guest, disk)),
             ("detach", lambda: check_detach(guest, disk)),
             ("read-only disk and dom0's data", lambda: check_other_side(guest))]
    try:
        for name, step in steps:
            start = time.monotonic()
            step()
            print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
    except (AssertionError, subprocess.CalledProcessError) as error:
        print(f"not ok {name}: {error}", flush=True)
        say_what_is(disk)
        bad = 1
    guest.destroy()
    return bad


if __name__ == "__main__":
    sys.exit(main())
