# SPDX-License-Identifier: Apache-2.0
"""`./dev iso`: a CD that boots our hypervisor and the lab's dom0 by GRUB (BIOS) and Multiboot 2."""
import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import cli, images, initramfs, paths, qemu
from lab.errors import LabError

GRUB = """set timeout=0
serial --unit=0 --speed=115200
terminal_output serial
menuentry "Zocalo" {{
    multiboot2 /boot/zocalo-core {hypervisor}
    module2 /boot/vmlinux console=hvc0 {linux}
    module2 /boot/initrd.cpio
}}
"""


def build(out: Path, options: qemu.Options):
    """Writes the CD with the hypervisor that was built last and the lab's kernel and initramfs."""
    qemu.check(options)
    if shutil.which("grub-mkrescue") is None or not Path("/usr/lib/grub/i386-pc").is_dir():
        raise LabError("grub-mkrescue or its BIOS modules are missing: ./dev iso installs them")
    made = images.ensure(None)
    with tempfile.TemporaryDirectory(dir=paths.cache()) as work:
        boot = Path(work) / "boot"
        (boot / "grub").mkdir(parents=True)
        shutil.copyfile(qemu.core_image(), boot / "zocalo-core")
        shutil.copyfile(made.kernel_elf, boot / "vmlinux")
        (boot / "initrd.cpio").write_bytes(made.initrd_base.read_bytes() + initramfs.dom0_overlay())
        (boot / "grub/grub.cfg").write_text(GRUB.format(
            hypervisor=qemu.hypervisor_arguments(options), linux=qemu.kernel_arguments(options)))
        out.parent.mkdir(parents=True, exist_ok=True)
        result = subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", str(out), work],
                                capture_output=True, text=True)
    if result.returncode != 0:
        raise LabError(f"grub-mkrescue failed: {result.stderr.strip()[-400:]}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev iso", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=paths.TREE / "build/zocalo.iso")
    args = parser.parse_args()
    try:
        cli.build_images(None)
        build(args.out, qemu.Options(hypervisor="core"))
    except LabError as error:
        print(f"iso: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: qemu-system-x86_64 -m 3072 -smp 2 -serial stdio -cdrom {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
