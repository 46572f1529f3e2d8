# SPDX-License-Identifier: Apache-2.0
"""The cached artefacts: each lives in a folder named by a hash of everything it is made from.

    dom0-KEY/   root.img, vmlinuz, vmlinux, xen, initrd-base.cpio  from packages
    lab-KEY/    disk.img (XFS: guests/ and scratch space)   from packages
    deb-KEY/    root.img = dom0 root with our package       from dom0-KEY and the .deb

Nothing in them changes once made: boots work on throw-away overlays.
"""
import gzip
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import guest, initramfs, paths, rootfs, vmlinux
from lab.errors import LabError

KEPT = 8  # of each kind: several work trees may use one cache
DISK_GIB = 24  # virtual size; the file is sparse
NEEDED_MIB = 6000  # room for a first build of everything


@dataclass(frozen=True)
class Images:
    """What a boot needs."""

    root: Path
    lab_disk: Path
    kernel: Path
    kernel_elf: Path
    xen: Path
    initrd_base: Path


def newest_deb() -> Path | None:
    """The package that `./dev deb` made last, if any."""
    made = sorted((paths.TREE / "build/release").glob("zocalo*.deb"), key=os.path.getmtime)
    return made[-1] if made else None


def ensure(deb: Path | None) -> Images:
    """Finds the images, building what is missing; root rights are asked for only then."""
    dom0 = _artefact("dom0", _key("dom0", ("dom0.txt",)), _build_dom0)
    disk = _artefact("lab", _key("lab", ("guest.txt",)), _build_lab_disk)
    root = dom0 / "root.img"
    if deb is not None:
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()[:12]
        folder = _artefact("deb", f"{dom0.name.split('-')[1]}{digest}",
                           lambda work: _install_deb(dom0, deb, work))
        root = folder / "root.img"
    return Images(root, disk / "disk.img", dom0 / "vmlinuz", dom0 / "vmlinux",
                  dom0 / "xen", dom0 / "initrd-base.cpio")


def missing(deb: Path | None) -> bool:
    """Whether `ensure` would have to build (and so needs root)."""
    if not (_folder("dom0", _key("dom0", ("dom0.txt",))).is_dir()
            and _folder("lab", _key("lab", ("guest.txt",))).is_dir()):
        return True
    if deb is None:
        return False
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()[:12]
    return not _folder("deb", f"{_key('dom0', ('dom0.txt',))}{digest}").is_dir()


def _key(kind: str, lists: tuple[str, ...]) -> str:
    """Changes when the packages asked for, or the code that shapes the image, change."""
    digest = hashlib.sha256(rootfs.SUITE.encode())
    code = ["rootfs.py", "initramfs.py", "vmlinux.py"] + (["guest.py", "agent/mini-init"] if kind == "lab" else [])
    for name in [f"images/{name}" for name in lists] + code:
        digest.update((paths.SOURCE / name).read_bytes())
    return digest.hexdigest()[:12]


def _folder(kind: str, key: str) -> Path:
    return paths.cache() / f"{kind}-{key}"


def _artefact(kind: str, key: str, build) -> Path:
    target = _folder(kind, key)
    if target.is_dir():
        _touch(target)
        return target
    with paths.locked(kind):
        if target.is_dir():
            return target
        free = shutil.disk_usage(paths.cache()).free >> 20
        if free < NEEDED_MIB:
            raise LabError(f"{paths.cache()} has {free} MiB free and the images need {NEEDED_MIB}: "
                           "make room or set XDG_CACHE_HOME")
        work = target.with_name(f".{target.name}.new")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        build(work)
        work.rename(target)
        _forget_unused(kind)
    return target


def _build_dom0(work: Path):
    tree, log = work / "tree", work / "build.log"
    rootfs.debootstrap(rootfs.package_list("dom0"), tree, log)
    rootfs.configure(tree, "dom0")
    release = rootfs.kernel_release(tree)
    shutil.copyfile(tree / f"boot/vmlinuz-{release}", work / "vmlinuz")
    xens = sorted(tree.glob("boot/xen-4.17-amd64.gz"))
    if not xens:
        raise LabError("the dom0 packages hold no boot/xen-4.17-amd64.gz")
    (work / "xen").write_bytes(gzip.decompress(xens[0].read_bytes()))
    (work / "vmlinux").write_bytes(vmlinux.extract((work / "vmlinuz").read_bytes()))
    (work / "initrd-base.cpio").write_bytes(initramfs.dom0_base(tree, release))
    rootfs.say("dom0: writing the disk image")
    rootfs.ext4(tree, work / "root.img", 3072)
    shutil.rmtree(tree)


def _build_lab_disk(work: Path):
    guests = work / "guests"
    guest.build(work, guests)
    rootfs.say("guests: writing the lab disk")
    disk, mount = work / "disk.img", work / "mnt"
    with disk.open("wb") as handle:
        handle.truncate(DISK_GIB << 30)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(disk)], check=True)
    mount.mkdir()
    with mounted(disk, mount):
        subprocess.run(["cp", "-r", "--sparse=always", str(guests), str(mount / "guests")], check=True)
    mount.rmdir()
    shutil.rmtree(guests)


def _install_deb(dom0: Path, deb: Path, work: Path):
    rootfs.say(f"dom0: installing {deb.name}")
    root, mount, log = work / "root.img", work / "mnt", work / "build.log"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(dom0 / "root.img"), str(root)],
                   check=True)
    mount.mkdir()
    with mounted(root, mount):
        shutil.copyfile(deb, mount / "zocalo.deb")
        rootfs.chroot(mount, ["dpkg", "--install", "/zocalo.deb"], log)
        (mount / "zocalo.deb").unlink()
    mount.rmdir()


def _touch(folder: Path):
    """The time of last use; a folder that root made stays as it is for others."""
    try:
        os.utime(folder)
    except PermissionError:
        pass


def _forget_unused(kind: str):
    """Several versions stay, so that two work trees do not rebuild each other's images."""
    made = sorted(paths.cache().glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime)
    for old in made[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


class mounted:
    """A loop mount for the length of a `with` block."""

    def __init__(self, image: Path, where: Path):
        self._image, self._where = image, where

    def __enter__(self):
        result = subprocess.run(["mount", "-o", "loop", str(self._image), str(self._where)],
                                capture_output=True, text=True)
        if result.returncode != 0:
            raise LabError(f"cannot loop-mount {self._image}: {result.stderr.strip()}. Building "
                           "images needs root and loop devices (not an unprivileged container)")

    def __exit__(self, *_):
        subprocess.run(["umount", str(self._where)], check=True)
