# SPDX-License-Identifier: Apache-2.0
"""A running lab machine: boot it, run commands in its dom0, move files, keep the evidence."""
import ctypes
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from lab import images, initramfs, paths, qemu
from lab.channel import Channel, Command
from lab.errors import LabError, LabTimeout

BOOT_LIMIT_S = 300.0
RUN_LIMIT_S = 300.0
PR_SET_PDEATHSIG = 1


def boot(hypervisor: str = "xen", *, deb: Path | None = None, timeout: float = BOOT_LIMIT_S,
         **chosen) -> "Machine":
    """Boots a machine and returns it once dom0 takes commands; see qemu.Options for the rest."""
    machine = Machine(qemu.Options(hypervisor=hypervisor, **chosen), deb)
    try:
        machine.wait_up(timeout)
    except BaseException:
        machine.close()
        raise
    return machine


class Machine:
    """One QEMU with a dom0 in it. Nothing it does changes the cached images.

    `folder` holds qemu.txt (the command line), qemu.log, serial.log (hypervisor and kernel),
    journal.log (dom0's journal). It goes away with `close()` unless `keep()` was called.
    """

    def __init__(self, options: qemu.Options, deb: Path | None):
        qemu.check(options)
        self.options = options
        made = images.ensure(deb)
        self.folder = paths.new_run()
        self._kept = False
        (self.folder / "initrd.cpio").write_bytes(
            made.initrd_base.read_bytes() + initramfs.dom0_overlay())
        agent, agent_far = socket.socketpair()
        qmp, qmp_far = socket.socketpair()
        line = qemu.command(options, made, self.folder, agent_far.fileno(), qmp_far.fileno())
        (self.folder / "qemu.txt").write_text(shlex.join(line) + "\n")
        self.started = time.monotonic()
        with (self.folder / "qemu.log").open("w") as log:
            try:
                self._process = subprocess.Popen(
                    line, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=(agent_far.fileno(), qmp_far.fileno()), preexec_fn=_die_with_parent)
            except FileNotFoundError:
                raise LabError("qemu-system-x86_64 is missing: apt-get install qemu-system-x86") from None
        agent_far.close()
        qmp_far.close()
        self._qmp = qmp
        self._journal = (self.folder / "journal.log").open("wb", buffering=0)
        self._channel = Channel(agent, lambda line: self._journal.write(line + b"\n"))

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.keep()
        self.close()

    def wait_up(self, timeout: float = BOOT_LIMIT_S):
        """Returns when the agent has said hello, or raises with the end of the serial log."""
        end = time.monotonic() + timeout
        while not self._channel.hello.wait(0.05):
            if self._process.poll() is not None or self._channel.closed.is_set():
                raise self._failure(LabError, "QEMU ended while dom0 was starting")
            if time.monotonic() > end:
                raise self._failure(LabTimeout, f"dom0 was not up after {timeout:g} s")

    def processor_seconds(self) -> float:
        """What the machine has cost the host until now, whatever else the host did meanwhile."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def start(self, command: str | list[str], tty: bool = False) -> Command:
        """Starts a command without waiting; a string goes to `sh -c`, a list runs as it is."""
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        return self._channel.start(argv, tty)

    def run(self, command: str | list[str], timeout: float = RUN_LIMIT_S,
            stdin: bytes = b"") -> tuple[int, str, str]:
        """Runs a command to its end: exit status, standard output, standard error."""
        running = self.start(command)
        if stdin:
            running.write(stdin)
        running.end_input()
        try:
            status, out, err = running.collect(timeout)
        except LabTimeout:
            running.signal(signal.SIGKILL)
            raise self._failure(LabTimeout, f"`{command}` did not end in {timeout:g} s") from None
        return status, out.decode(errors="replace"), err.decode(errors="replace")

    def must(self, command: str | list[str], timeout: float = RUN_LIMIT_S, stdin: bytes = b"") -> str:
        """Like `run`, but anything other than status 0 is an error; returns standard output."""
        status, out, err = self.run(command, timeout, stdin)
        if status != 0:
            raise LabError(f"`{command}` ended with {status}\nstdout: {out}\nstderr: {err}")
        return out

    def put(self, path: str, data: bytes | str, mode: int = 0o644):
        """Writes a file in dom0 (for big ones share a folder instead)."""
        raw = data.encode() if isinstance(data, str) else data
        quoted = shlex.quote(path)
        self.must(f"mkdir -p \"$(dirname {quoted})\" && cat > {quoted} && chmod {mode:o} {quoted}",
                  stdin=raw)

    def get(self, path: str) -> bytes:
        """Reads a file of dom0."""
        running = self.start(["cat", path])
        running.end_input()
        status, out, err = running.collect(RUN_LIMIT_S)
        if status != 0:
            raise LabError(f"cannot read {path} in dom0: {err.decode(errors='replace').strip()}")
        return out

    def reset(self, timeout: float = BOOT_LIMIT_S):
        """Cuts the power and boots again; disks keep what dom0 had written through."""
        self._channel.forget()
        self.monitor("system_reset")
        self.wait_up(timeout)

    def monitor(self, command: str, **arguments):
        """One QMP command (QEMU's machine protocol); its answer."""
        stream = self._qmp.makefile("rw")
        if not hasattr(self, "_qmp_ready"):
            self._qmp_ready = True
            stream.readline()
            self._ask(stream, "qmp_capabilities", {})
        return self._ask(stream, command, arguments)

    @staticmethod
    def _ask(stream, command: str, arguments: dict):
        stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        stream.flush()
        while line := stream.readline():
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise LabError(f"QEMU refused {command}: {answer['error']['desc']}")
        raise LabError(f"QEMU ended during {command}")

    def keep(self) -> Path:
        """The run's folder stays after `close()`."""
        self._kept = True
        return self.folder

    def save_evidence(self, name: str = "evidence"):
        """Puts what explains a failure beside the logs: xenstore, domains, our daemon's journal."""
        self.keep()
        for file, command in (
                ("xenstore.txt", "xenstore-ls -fp"), ("domains.txt", "xl list -l; xl vcpu-list"),
                ("xen-dmesg.txt", "xl dmesg"), ("toolstackd.txt", "journalctl -b -u 'zocalo*' -u toolstackd"),
                ("journal.txt", "journalctl -b --no-pager"), ("processes.txt", "ps axfww"),
                ("events.txt", "zl events --no-follow --since 0"),
                ("consoles.txt", "tail -n 40 $(ls -t /var/log/zocalo/console/* | head -n 4)")):
            try:
                _, out, err = self.run(command, timeout=30)
            except LabTimeout as error:  # dom0 hangs: more questions would only take longer
                (self.folder / f"{name}-{file}").write_text(str(error))
                break
            except LabError as error:
                out, err = "", str(error)
            (self.folder / f"{name}-{file}").write_text(out + err)

    def tail(self, lines: int = 25) -> str:
        """The end of the serial log, for messages."""
        text = (self.folder / "serial.log").read_text(errors="replace") \
            if (self.folder / "serial.log").exists() else ""
        return "\n".join([line for line in text.replace("\r", "").splitlines() if line][-lines:])

    def close(self):
        """Ends QEMU; removes the folder when nobody asked to keep it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._channel.close()
        self._qmp.close()
        self._journal.close()
        (self.folder / "initrd.cpio").unlink(missing_ok=True)
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _failure(self, kind, what: str) -> LabError:
        self.keep()
        log = (self.folder / "qemu.log").read_text(errors="replace").strip()
        return kind(f"{what}\n--- end of the serial log\n{self.tail()}\n---\n"
                    f"{'QEMU said: ' + log if log else ''}Logs: {self.folder}")


def _die_with_parent():
    """The kernel ends QEMU if we are killed; Ctrl-C is for us to handle."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if sys.version_info < (3, 11):
    raise LabError("the lab needs Python 3.11 or newer (Debian 12 has it)")
