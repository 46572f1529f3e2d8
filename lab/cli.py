# SPDX-License-Identifier: Apache-2.0
"""What the verbs of `./dev lab` do. Standard output belongs to the command; we speak on stderr."""
import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import tty
from pathlib import Path

from lab import images, paths, qemu
from lab.errors import LabError, LabTimeout
from lab.machine import Machine

EXIT_LAB = 125  # the lab failed, not the command (as `docker run` does)
EXIT_TIMEOUT = 124  # as timeout(1)


def main(args) -> int:
    try:
        deb = find_deb(args)
        if args.verb == "images":
            build_images(deb)
            return 0
        options = chosen(args)
        qemu.check(options)
        check_words(args)
        build_images(deb)
        return with_machine(args, Machine(options, deb))
    except LabTimeout as error:
        print(f"lab: {error}", file=sys.stderr)
        return EXIT_TIMEOUT
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return EXIT_LAB
    except KeyboardInterrupt:
        return 130


def chosen(args) -> qemu.Options:
    return qemu.Options(
        hypervisor=args.hypervisor, cpus=args.cpus or (1 if args.icount else 2),
        memory_mib=args.memory, icount=args.icount, share=args.share,
        hypervisor_args=args.xen_args, kernel_args=args.kernel_args,
        gdb_port=args.port if args.verb == "gdb" else None)


def check_words(args):
    """Takes the `--` off the command and refuses what would only fail after a whole boot."""
    words = getattr(args, "command", [])
    args.command = words[1:] if words[:1] == ["--"] else words
    if args.verb == "run" and not args.command:
        raise LabError("run needs a command: ./dev lab run -- CMD…")
    if not args.command and not os.isatty(0):
        raise LabError(f"{args.verb} needs a terminal; use: ./dev lab run -i -- bash")


def find_deb(args) -> Path | None:
    """The package to install: the one named, else the newest that `./dev deb` made, else none."""
    if args.no_deb:
        return None
    if args.deb is not None:
        if not args.deb.is_file():
            raise LabError(f"--deb {args.deb}: no such file (./dev deb makes one)")
        return args.deb.resolve()
    return images.newest_deb()


def build_images(deb: Path | None):
    """Builds what is missing, as root if we are not."""
    if not images.missing(deb):
        return
    if os.geteuid() == 0:
        images.ensure(deb)
        return
    if shutil.which("sudo") is None:
        raise LabError("building the images needs root (mounts and chroot), and there is no sudo; "
                       f"as root: XDG_CACHE_HOME={paths.cache().parent} ./dev lab images")
    print("lab: building images needs root: sudo python3 -m lab images", file=sys.stderr)
    command = ["sudo", "env", f"XDG_CACHE_HOME={paths.cache().parent}", f"PYTHONPATH={paths.TREE}",
               "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-m", "lab", "images",
               *(["--deb", str(deb)] if deb else ["--no-deb"])]
    if subprocess.run(command).returncode != 0:
        raise LabError("the images could not be built (see above)")


def with_machine(args, machine: Machine) -> int:
    status = EXIT_LAB
    try:
        if args.verb == "gdb":
            print(f"lab: the machine waits; gdb -ex 'target remote :{args.port}'", file=sys.stderr)
        machine.wait_up(1e9 if args.verb == "gdb" else args.boot_timeout)
        print(f"lab: dom0 is up after {time.monotonic() - machine.started:.1f} s "
              f"({machine.processor_seconds():.1f} s of processor time)", file=sys.stderr)
        status = run(args, machine, args.command) if args.command else shell(machine)
        return status
    finally:
        if args.keep or (status != 0 and args.verb == "run"):
            machine.keep()
            print(f"lab: logs are in {machine.folder}", file=sys.stderr)
        machine.close()


def run(args, machine: Machine, words: list[str]) -> int:
    """Streams the command's output to ours. One word with blanks in it is a shell line."""
    one_line = len(words) == 1 and any(char in words[0] for char in " \t\n;|&<>$")
    command = machine.start(words[0] if one_line else words)
    if getattr(args, "stdin", False):
        threading.Thread(target=_forward, args=(command,), daemon=True).start()
    else:
        command.end_input()
    try:
        return command.wait(getattr(args, "timeout", 1e9), _writer(1), _writer(2))
    except LabTimeout as error:
        machine.save_evidence()
        raise LabTimeout(f"{error}\n--- end of the serial log\n{machine.tail()}\n---") from None


def _writer(fd: int):
    def write(data: bytes):
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
    return write


def _forward(command):
    while data := os.read(0, 65536):
        command.write(data)
    command.end_input()


def shell(machine: Machine) -> int:
    """An interactive root shell in dom0; ends with it."""
    command = machine.start(["/bin/bash", "-l"], tty=True)

    def resize(*_):
        rows, columns = struct.unpack("=HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8))[:2]
        command.resize(rows, columns)

    resize()
    signal.signal(signal.SIGWINCH, resize)
    before = termios.tcgetattr(0)
    tty.setraw(0)
    threading.Thread(target=_type, args=(command,), daemon=True).start()
    try:
        return command.wait(1e9, _writer(1), _writer(2))
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _type(command):
    while True:
        select.select([0], [], [])
        data = os.read(0, 4096)
        if not data:
            return
        command.write(data)
