# SPDX-License-Identifier: Apache-2.0
"""A dom0 of one initramfs that tries a PC's usual devices and says on its console what they did. Drivers come from
Debian's package of the kernel; neither systemd nor the lab's disks are there, so a boot takes seconds."""
import re
import subprocess
import tempfile
from pathlib import Path

from lab import images, paths
from lab.cpio import Archive

MIB = 16
CONTENT = bytes(range(256)) * (MIB << 12)
DRIVERS = ("ahci", "sd_mod", "e1000", "virtio_net")
NETWORKS = {"eth0": ("e1000", "10.0.3"), "eth1": ("virtio-net-pci", "10.0.4")}

# Modules load on one processor: patching code under the others' feet is slow under emulation.
INIT = """#!/bin/busybox sh
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do [ -e "$cpu" ] && echo 0 > "$cpu"; done
while read -r module; do insmod "/modules/$module"; done < /modules/order
while read -r module; do insmod "/machine/$module"; done < /machine/order
for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do [ -e "$cpu" ] && echo 1 > "$cpu"; done
for i in $(seq 100); do [ -b /dev/sda ] && [ -e /sys/class/net/eth1 ] && break; sleep 0.1; done
echo "pc processors $(grep -c ^processor /proc/cpuinfo)"
echo "pc read $(dd if=/dev/sda bs=1M count={mib} 2>/dev/null | md5sum)"
dd if=/dev/zero of=/dev/sda bs=1M count=1 conv=fsync 2>/dev/null
echo 3 > /proc/sys/vm/drop_caches
echo "pc written $(dd if=/dev/sda bs=1M count=1 2>/dev/null | md5sum)"
number=3
for card in eth0 eth1; do
    ip address add 10.0.$number.15/24 dev $card
    ip link set $card up
    ping -c 1 -W 20 10.0.$number.2 > /dev/null && echo "pc answer $card"
    number=$((number + 1))
done
sed 's/^/pc interrupt /' /proc/interrupts
echo "pc end"
grep -q pc.end=crash /proc/cmdline && echo c > /proc/sysrq-trigger
grep -q pc.end=reboot /proc/cmdline && /bin/busybox reboot -f
/bin/busybox poweroff -f
"""


def devices(disk: Path) -> tuple[str, ...]:
    disk.write_bytes(CONTENT)
    found = ["-device", "ich9-ahci,id=ahci", "-drive", f"if=none,id=sata,file={disk},format=raw,cache=unsafe",
             "-device", "ide-hd,drive=sata,bus=ahci.0"]
    for card, (model, network) in NETWORKS.items():
        found += ["-netdev", f"user,id={card},restrict=on,net={network}.0/24", "-device", f"{model},netdev={card}"]
    return tuple(found)


def package() -> Path:
    """The unpacked modules of the lab's kernel: its image has none of a PC's disks and cards. Cached as the images are."""
    release = re.search(rb"Linux version (\S+) ", images.ensure(None).kernel_elf.read_bytes())[1].decode()
    target = paths.cache() / f"modules-{release}"
    with paths.locked("modules"):
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=paths.cache()) as work:
                subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"linux-image-{release}"],
                               cwd=work, check=True, capture_output=True)
                subprocess.run(["dpkg-deb", "-x", *Path(work).glob("*.deb"), f"{work}/tree"], check=True)
                (Path(work) / "tree/lib/modules").rename(target)
    return target


def drivers() -> list[Path]:
    """The modules' files, in the order in which they load."""
    files = {file.stem.replace("-", "_"): file for file in package().rglob("*.ko")}
    ordered: list[Path] = []

    def visit(name: str):
        if name not in files:  # built in, or a module of another name gives it
            return
        for needed in re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())[1].decode().split(","):
            visit(needed.replace("-", "_"))
        if files[name] not in ordered:
            ordered.append(files[name])

    for name in DRIVERS:
        visit(name)
    return ordered


def initrd() -> bytes:
    archive = Archive()
    files = drivers()
    for file in files:
        archive.file(f"machine/{file.name}", file.read_bytes())
    archive.file("machine/order", "".join(f"{file.name}\n" for file in files).encode())
    archive.file("init", INIT.format(mib=MIB).encode(), 0o755)
    return images.ensure(None).initrd_base.read_bytes() + archive.finish()
