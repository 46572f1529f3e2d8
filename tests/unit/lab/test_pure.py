# SPDX-License-Identifier: Apache-2.0
"""The parts of the lab that need no QEMU."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TREE))
from lab import cpio, initramfs, qemu, vmlinux  # noqa: E402
from lab.errors import LabError  # noqa: E402
from lab.images import Images  # noqa: E402

IMAGES = Images(*(Path(f"/c/{name}") for name in (
    "root.img", "disk.img", "vmlinuz", "vmlinux", "xen", "base.cpio")))


def line(**options):
    return " ".join(qemu.command(qemu.Options(**options), IMAGES, Path("/run,dir"), 4, 6))


def test_core_says_that_it_is_not_built(monkeypatch):
    monkeypatch.setattr(qemu, "core_image", lambda: None)
    with pytest.raises(LabError, match="not built: ./dev build"):
        qemu.check(qemu.Options(hypervisor="core"))


@pytest.mark.parametrize("bad", [{"hypervisor": "kvm"}, {"cpus": 0}, {"memory_mib": 100},
                                 {"share": Path("/no/such/folder")}])
def test_options_that_cannot_work_are_refused(bad):
    with pytest.raises(LabError):
        qemu.check(qemu.Options(**bad))


def test_images_are_never_written():
    assert line().count("snapshot=on") == 2


def test_commas_in_paths_do_not_split_options():
    assert "path=/run,,dir/serial.log" in line() and "/run,,dir/initrd.cpio" in line()


def test_icount_is_single_threaded(monkeypatch):
    assert "thread=single -icount shift=0,sleep=off" in line(icount=True)


def test_smap_and_rdtscp_are_off_under_tcg(monkeypatch):
    monkeypatch.setenv("ZOCALO_LAB_ACCEL", "tcg")
    assert "-cpu max,-smap,-rdtscp" in line()


def test_the_native_reference_boots_the_same_image_without_xen():
    native = line(hypervisor="none")
    assert "/c/xen" not in native and "file=/c/root.img" in native and "-kernel /c/vmlinuz" in native


def test_an_archive_is_what_cpio_reads():
    archive = cpio.Archive()
    archive.file("a/b/c", b"hello", 0o755)
    archive.link("a/l", "b/c")
    data = archive.finish()
    assert len(data) % 512 == 0
    names = [part.split(b"\0")[0] for part in data.split(b"070701")[1:]]
    assert [name[104:].decode() for name in names] == ["a", "a/b", "a/b/c", "a/l", "TRAILER!!!"]


def test_modules_come_after_what_they_need(tmp_path):
    root = tmp_path / "lib/modules/1.0"
    root.mkdir(parents=True)
    (root / "modules.dep").write_text("k/ext4.ko: k/jbd2.ko k/crc16.ko\nk/jbd2.ko:\nk/crc16.ko:\n")
    (root / "modules.builtin").write_text("kernel/virtio.ko\n")
    files = initramfs.module_files(tmp_path, "1.0", ("ext4", "virtio"))
    assert [path.name for path in files] == ["jbd2.ko", "crc16.ko", "ext4.ko"]
    with pytest.raises(LabError, match="no module nosuch"):
        initramfs.module_files(tmp_path, "1.0", ("nosuch",))


def test_what_is_not_a_kernel_is_refused():
    with pytest.raises(LabError, match="not a bzImage"):
        vmlinux.extract(b"\0" * 4096)


def test_the_command_line_refuses_what_it_does_not_know_with_a_status():
    done = subprocess.run([sys.executable, "-m", "lab", "run", "--hypervisor", "kvm", "--", "true"],
                          cwd=TREE, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 125 and "unknown hypervisor" in done.stderr and done.stdout == ""
