# SPDX-License-Identifier: Apache-2.0
"""A machine that runs what one small initramfs holds, without disks, agent or systemd; or our hypervisor alone."""
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lab import images, paths, qemu
from lab.errors import LabTimeout

LIMIT_S = 900


Until = str | Callable[[str], bool]  # a text that is said, or whether what was said is enough


def run(options: qemu.Options, initrd: bytes, until: Until, limit_s: float = LIMIT_S) -> str:
    """Boots it and returns what its serial line said, once that is enough or the machine has been switched off."""
    qemu.check(options)
    folder = paths.new_run()
    (folder / "initrd.cpio").write_bytes(initrd)
    return _serial(qemu.bare_command(options, images.ensure(None), folder), folder, until, limit_s)


def core(arguments: str = "", modules: list[str] | None = None, *, processor: str = "max,-smap",
         memory_mib: int = 512, until: str = "the machine is stopped", limit_s: float = 120) -> str:
    """What our hypervisor says when it is started so."""
    folder = paths.new_run()
    return _serial(qemu.core_command(folder, arguments, modules or [], processor, memory_mib), folder, until, limit_s)


def _serial(line: list[str], folder: Path, until: Until, limit_s: float) -> str:
    enough = until if callable(until) else lambda text: until in text
    serial = folder / "serial.log"
    with (folder / "qemu.log").open("w") as log:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            ended = process.poll() is not None
            text = serial.read_text(errors="replace").replace("\r", "") if serial.exists() else ""
            if ended or enough(text[:text.rfind("\n") + 1]):
                return text
            time.sleep(0.1)
        raise LabTimeout(f"the machine did not say what was waited for in {limit_s:g} s: {serial}")
    finally:
        process.kill()
        process.wait()
