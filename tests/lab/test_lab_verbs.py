# SPDX-License-Identifier: Apache-2.0
"""The lab's verbs as a person types them: a shell on a terminal, a debugger, limits, a power cut."""
import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from conftest import TREE

import lab

LIMIT_S = 900


def start(*words, **streams):
    return subprocess.Popen([sys.executable, "-m", "lab", *words], cwd=TREE, **streams)


def read_until(fd: int, wanted: bytes, seen: bytearray):
    """What a terminal shows until `wanted`; the limit only bounds a failure."""
    end = time.monotonic() + LIMIT_S
    while wanted not in seen:
        assert time.monotonic() < end, f"no {wanted!r} in {bytes(seen[-2000:])!r}"
        if select.select([fd], [], [], 1)[0]:
            seen += os.read(fd, 4096)


def test_a_shell_on_a_terminal(deb):
    ours, theirs = pty.openpty()
    process = start("shell", "--hypervisor", "xen", stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    seen = bytearray()
    try:
        read_until(ours, b"#", seen)
        # Spelled so that the echo of what is typed does not hold what is waited for.
        os.write(ours, b"echo $((6*7))-$(cat /sys/hypervisor/type)-$(tty)\n")
        read_until(ours, b"42-xen-/dev/pts/", seen)
        os.write(ours, b"stty -echo; exit 5\n")
        assert process.wait(LIMIT_S) == 5
    finally:
        process.kill()
        os.close(ours)


def test_a_debugger_stops_the_machine_before_its_first_instruction(deb):
    """With --icount, so that this mode boots as well. The few words of gdb's protocol need no gdb."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start("gdb", "--hypervisor", "xen", "--icount", "--port", str(port), "--", "nproc; exit 3", stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True)
    try:
        stub = connect(port)
        registers = ask(stub, "g")
        assert len(registers) >= 17 * 16 and set(registers) <= set("0123456789abcdefx")
        # A processor after reset is at FFFFFFF0h; the 17th register of 64 bits is RIP.
        assert bytes.fromhex(registers[16 * 16:17 * 16])[:2] == b"\xf0\xff"
        stub.sendall(packet("c"))
        out, err = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, out) == (3, "1\n"), err
        assert f"target remote :{port}" in err
    finally:
        process.kill()


def connect(port: int) -> socket.socket:
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nothing listens for gdb"
            time.sleep(0.2)


def packet(text: str) -> bytes:
    return f"${text}#{sum(text.encode()) % 256:02x}".encode()


def ask(stub: socket.socket, text: str) -> str:
    stub.sendall(packet(text))
    answer = b""
    while not (found := re.search(rb"\$([^#]*)#..", answer)):
        more = stub.recv(65536)
        assert more, "the debugger's connection ended"
        answer += more
    stub.sendall(b"+")
    return found[1].decode()


def test_a_command_past_its_limit_ends_with_the_log_and_a_folder(deb):
    done = subprocess.run([sys.executable, "-m", "lab", "run", "--hypervisor", "none", "--timeout", "2", "--",
                           "echo begun; sleep 1000"], cwd=TREE, capture_output=True, text=True, timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (124, "begun\n"), done.stderr
    assert "did not end in 2 s" in done.stderr and "end of the serial log" in done.stderr
    folder = Path(re.search(r"logs are in (\S+)", done.stderr)[1])
    assert "Linux version" in (folder / "serial.log").read_text(errors="replace")
    assert "systemd" in (folder / "journal.log").read_text(errors="replace")
    assert (folder / "qemu.txt").read_text().startswith("qemu-system-x86_64")


def test_a_reset_cuts_the_power_and_boots_again(deb):
    with lab.boot("xen", deb=deb) as machine:
        before = machine.must("cat /proc/sys/kernel/random/boot_id; touch /run/here")
        running = machine.start("sleep 1000")
        machine.reset()
        try:
            running.collect(10)
            raise AssertionError("a command survived the power cut")
        except lab.LabError as error:
            assert "went away" in str(error)
        assert machine.must("cat /proc/sys/kernel/random/boot_id") != before
        assert machine.run("test -e /run/here")[0] == 1
        assert machine.must("xenstore-read /local/domain/0/name") == "Domain-0\n"
