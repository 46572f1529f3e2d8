# SPDX-License-Identifier: Apache-2.0
"""The guests' files: an unmodified Debian on a disk image, and the minimal initramfs guest."""
import shutil
from pathlib import Path

from lab import initramfs, rootfs, vmlinux

# Addresses come from the kernel command line, so that a test decides them without a DHCP server.
NETWORK_SCRIPT = """#!/bin/sh
# guest.ip=10.0.0.2/24 [guest.gw=10.0.0.1] on the kernel command line sets up eth0.
for word in $(cat /proc/cmdline); do
    case $word in
        guest.ip=*) ip address add "${word#guest.ip=}" dev eth0 && ip link set eth0 up ;;
        guest.gw=*) ip route add default via "${word#guest.gw=}" ;;
    esac
done
"""
NETWORK_UNIT = """[Unit]
Description=Address of eth0 from the kernel command line
ConditionKernelCommandLine=guest.ip
After=systemd-udevd.service

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/guest-network

[Install]
WantedBy=multi-user.target
"""
AUTOLOGIN = """[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200,38400,9600 hvc0 vt220
"""


def build(work: Path, out: Path):
    """Leaves debian.img, vmlinuz, vmlinux, initrd.img and mini-initrd.img in `out`."""
    tree, log = work / "tree", work / "build.log"
    rootfs.debootstrap(rootfs.package_list("guest"), tree, log)
    rootfs.configure(tree, "guest")
    _personality(tree)
    out.mkdir()
    release = rootfs.kernel_release(tree)
    # Debian's own initramfs, of the disk and network drivers a Xen guest has instead of all.
    (tree / "etc/initramfs-tools/conf.d/lab").write_text("MODULES=list\nCOMPRESS=lz4\n")
    (tree / "etc/initramfs-tools/modules").write_text("xen-blkfront\nxen-netfront\next4\n")
    rootfs.chroot(tree, ["update-initramfs", "-c", "-k", release], log)
    shutil.copyfile(tree / f"boot/vmlinuz-{release}", out / "vmlinuz")
    (out / "vmlinux").write_bytes(vmlinux.extract((out / "vmlinuz").read_bytes()))
    shutil.copyfile(tree / f"boot/initrd.img-{release}", out / "initrd.img")
    (out / "mini-initrd.img").write_bytes(initramfs.mini_guest(tree, release))
    rootfs.say("guests: writing the Debian disk image")
    rootfs.ext4(tree, out / "debian.img", 2048)
    shutil.rmtree(tree)


def _personality(tree: Path):
    script = tree / "usr/local/sbin/guest-network"
    script.write_text(NETWORK_SCRIPT)
    script.chmod(0o755)
    units = tree / "etc/systemd/system"
    (units / "guest-network.service").write_text(NETWORK_UNIT)
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "guest-network.service").symlink_to("../guest-network.service")
    login = units / "serial-getty@hvc0.service.d"
    login.mkdir()
    (login / "autologin.conf").write_text(AUTOLOGIN)
    (tree / "etc/fstab").write_text("/dev/xvda / ext4 defaults,noatime 0 0\n")
    (tree / "etc/motd").write_text("")
