# SPDX-License-Identifier: Apache-2.0
"""The three small initramfs parts of the lab.

dom0 needs only enough to mount its disks; the minimal guest *is* an initramfs. Both hold Debian's
static busybox and the modules of Debian's kernel that they use.
"""
from pathlib import Path

from lab import paths
from lab.cpio import Archive
from lab.errors import LabError

DOM0_MODULES = (
    "virtio_pci", "virtio_blk", "virtio_console", "crc32c_generic", "ext4", "xfs",
    "9pnet_virtio", "9p", "loop", "tun", "bridge",
)
XEN_MODULES = (
    "xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs", "xen-blkback", "xen-netback",
)
MINI_MODULES = ("xen-blkfront", "xen-netfront")
APPLETS = ("sh", "mount", "umount", "insmod", "cat", "echo", "ls", "mkdir", "cp", "ln", "sleep",
           "switch_root", "setsid", "cttyhack", "dd", "sync", "ip", "ifconfig", "ping", "md5sum",
           "sha256sum", "grep", "cut", "wc", "head", "tail", "dmesg", "free", "ps", "kill", "sed",
           "nc", "blockdev", "hexdump", "seq", "test", "uname", "date", "true", "printf", "tr")


def module_files(tree: Path, release: str, wanted: tuple[str, ...]) -> list[Path]:
    """The .ko files that `wanted` needs, dependencies first."""
    root = tree / "lib/modules" / release
    needs: dict[str, list[str]] = {}
    by_name: dict[str, str] = {}
    for line in (root / "modules.dep").read_text().splitlines():
        path, _, deps = line.partition(":")
        needs[path] = deps.split()
        by_name[_name(path)] = path
    builtin = {_name(line) for line in (root / "modules.builtin").read_text().splitlines()}
    ordered: list[str] = []

    def visit(path: str):
        for dep in needs[path]:
            visit(dep)
        if path not in ordered:
            ordered.append(path)

    for name in wanted:
        key = name.replace("-", "_")
        if key in by_name:
            visit(by_name[key])
        elif key not in builtin:
            raise LabError(f"kernel {release} has no module {name}: adapt lab/initramfs.py")
    return [root / path for path in ordered]


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".ko", 1)[0].replace("-", "_")


def _base(tree: Path, release: str, wanted: tuple[str, ...]) -> Archive:
    archive = Archive()
    for folder in ("proc", "sys", "dev", "run", "root", "tmp", "sbin"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    archive.file("bin/busybox", (tree / "bin/busybox").read_bytes(), 0o755)
    for applet in APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    _add_modules(archive, "order", module_files(tree, release, wanted))
    return archive


def _add_modules(archive: Archive, order: str, files: list[Path]):
    for path in files:
        archive.file(f"modules/{path.name}", path.read_bytes())
    archive.file(f"modules/{order}", "".join(f"{path.name}\n" for path in files).encode())


def dom0_base(tree: Path, release: str) -> bytes:
    """The part that depends only on the packages; `dom0_overlay` completes it at each boot."""
    archive = _base(tree, release, DOM0_MODULES)
    already = set(module_files(tree, release, DOM0_MODULES))
    _add_modules(archive, "order-xen", [path for path in module_files(tree, release, XEN_MODULES)
                                        if path not in already])
    return archive.finish()


def dom0_overlay() -> bytes:
    """The part that comes from the source tree: init, and the agent and its units for /run."""
    archive = Archive()
    agent = paths.SOURCE / "agent"
    archive.file("init", (agent / "dom0-init").read_bytes(), 0o755)
    archive.file("lab/run/zocalo-lab/agent.py", (agent / "agent.py").read_bytes(), 0o755)
    for unit in ("zocalo-lab.target", "zocalo-lab-agent.service", "zocalo-lab-agent.socket"):
        archive.file(f"lab/run/systemd/system/{unit}", (agent / unit).read_bytes())
    journal = "zz-lab-journal.conf"
    archive.file(f"lab/run/systemd/journald.conf.d/{journal}", (agent / journal).read_bytes())
    for line in (agent / "masked.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            folder = "system-generators" if line.endswith("-generator") else "system"
            archive.link(f"lab/run/systemd/{folder}/{line}", "/dev/null")
    return archive.finish()


def mini_guest(tree: Path, release: str) -> bytes:
    archive = _base(tree, release, MINI_MODULES)
    agent = paths.SOURCE / "agent"
    archive.file("init", (agent / "mini-init").read_bytes(), 0o755)
    # The kernel runs these two when xenstore's control/shutdown asks (drivers/xen/manage.c).
    for verb in ("poweroff", "reboot"):
        archive.file(f"sbin/{verb}", f"#!/bin/sh\nexec /bin/busybox {verb} -f\n".encode(), 0o755)
    return archive.finish()
