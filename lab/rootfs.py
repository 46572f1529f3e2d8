# SPDX-License-Identifier: Apache-2.0
"""Makes Debian trees from packages with mmdebstrap. Everything here runs as root."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab import paths
from lab.errors import LabError

SUITE = "bookworm"
# Kernel modules and texts that no lab machine uses; they are two thirds of the image otherwise.
EXCLUDED = (
    "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*",
    *(f"/lib/modules/*/kernel/drivers/{name}/*" for name in (
        "gpu", "media", "staging", "infiniband", "iio", "hid", "isdn", "usb", "hwmon", "input",
        "mtd", "mmc", "bluetooth", "comedi", "thunderbolt", "video", "leds", "rtc", "scsi")),
    "/lib/modules/*/kernel/drivers/net/ethernet/*", "/lib/modules/*/kernel/drivers/net/wireless/*",
    "/lib/modules/*/kernel/drivers/net/usb/*", "/lib/modules/*/kernel/sound/*",
    "/lib/modules/*/kernel/net/mac80211/*", "/lib/modules/*/kernel/net/bluetooth/*",
)
# Units that cost start-up time or wake up by themselves, and do nothing for a machine that lives
# for minutes and has no clock battery, no network of its own and no user.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "systemd-timesyncd.service", "xfs_scrub_all.timer",
    "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "man-db.timer",
    "systemd-random-seed.service", "systemd-pstore.service", "getty@tty1.service", "iperf3.service",
    "logrotate.timer", "rc-local.service", "console-getty.service", "remote-fs.target",
    "dev-hugepages.mount", "systemd-machine-id-commit.service", "systemd-journal-flush.service",
    "systemd-ask-password-wall.path", "systemd-ask-password-console.path", "kmod-static-nodes.service",
    "systemd-firstboot.service", "systemd-networkd-wait-online.service", "systemd-sysusers.service",
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "systemd-hwdb-update.service",
    "systemd-update-done.service", "ldconfig.service", "systemd-boot-update.service",
)


def package_list(name: str) -> list[str]:
    lines = (paths.SOURCE / "images" / f"{name}.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def debootstrap(packages: list[str], target: Path, log: Path):
    """Fills `target` with Debian and `packages`; what happened is in `log`."""
    mirror = os.environ.get("ZOCALO_MIRROR", "http://deb.debian.org/debian")
    security = os.environ.get("ZOCALO_SECURITY_MIRROR", "http://deb.debian.org/debian-security")
    command = [
        "mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}",
        # No initramfs is generated while packages configure; the ones we need are made afterwards.
        "--essential-hook=mkdir -p \"$1/etc/initramfs-tools\" && "
        "echo update_initramfs=no > \"$1/etc/initramfs-tools/update-initramfs.conf\"",
        "--dpkgopt=force-confold", "--dpkgopt=force-confdef", "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        # With security updates, as a host has them: our package depends on the libraries it was built with.
        *_host_apt_options(), SUITE, str(target), f"deb {mirror} {SUITE} main",
        f"deb {mirror} {SUITE}-updates main", f"deb {security} {SUITE}-security main",
    ]
    say(f"debian: {len(packages)} packages and what they need, from {mirror} (a minute or two)")
    with log.open("w") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL).returncode
    if status != 0:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line]
        errors = [line for line in lines if line.startswith("E:")]
        raise LabError(f"mmdebstrap failed ({(errors or lines or ['no output'])[0]}). Is "
                       f"{mirror} reachable (ZOCALO_MIRROR names another)? Whole log: {log}")


def _host_apt_options() -> list[str]:
    """The proxy and date checks that this machine's apt uses hold for the lab's images too."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = ("Acquire::Check-Valid-Until ", "Acquire::Check-Date ", "Acquire::http::Proxy ",
              "Acquire::https::Proxy ")
    return [f"--aptopt={line.rstrip(';')}" for line in dump.splitlines() if line.startswith(wanted)]


def configure(tree: Path, hostname: str):
    """What every lab machine shares: short boot, volatile journal, no password."""
    def write(name: str, text: str):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)

    write("etc/hostname", f"{hostname}\n")
    write("etc/hosts", f"127.0.0.1 localhost {hostname}\n::1 localhost\n")
    write("etc/fstab", "")
    write("etc/machine-id", "5a6f63616c6f4c61620000000000" + f"{sum(hostname.encode()):04x}\n")
    write("etc/systemd/journald.conf.d/lab.conf",
          "[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\nRateLimitIntervalSec=0\n")
    write("etc/systemd/system.conf.d/lab.conf",
          "[Manager]\nDefaultTimeoutStopSec=10s\nShowStatus=error\nRuntimeWatchdogSec=0\n")
    write("etc/systemd/network/99-default.link", "")
    for unit in MASKED:
        link = tree / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    shadow = (tree / "etc/shadow").read_text()
    (tree / "etc/shadow").write_text(shadow.replace("root:*:", "root::", 1))
    for leftover in ("var/lib/apt/lists", "var/cache/apt"):
        shutil.rmtree(tree / leftover, ignore_errors=True)
        (tree / leftover).mkdir(parents=True)


def chroot(tree: Path, command: list[str], log: Path):
    """Runs `command` inside `tree` with /proc, /sys and /dev there."""
    mounts = [("proc", "proc"), ("sysfs", "sys"), ("devtmpfs", "dev")]
    done: list[Path] = []
    try:
        for kind, name in mounts:
            subprocess.run(["mount", "-t", kind, kind, str(tree / name)], check=True)
            done.append(tree / name)
        with log.open("a") as out:
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                           "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
            status = subprocess.run(["chroot", str(tree), *command], stdout=out, env=environment,
                                    stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    finally:
        for path in reversed(done):
            subprocess.run(["umount", "-l", str(path)], check=False)
    if status != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise LabError(f"`{' '.join(command)}` failed in the image:\n{tail}\nWhole log: {log}")


def ext4(tree: Path, image: Path, size_mib: int):
    """A disk image that holds `tree`, without mounting anything."""
    image.unlink(missing_ok=True)
    with image.open("wb") as handle:
        handle.truncate(size_mib << 20)
    result = subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1",
         "-O", "^metadata_csum_seed,^orphan_file", "-d", str(tree), str(image)],
        capture_output=True, text=True)
    if result.returncode != 0:
        raise LabError(f"mke2fs cannot make {image}: {result.stderr.strip()}")


def kernel_release(tree: Path) -> str:
    releases = sorted(path.name for path in (tree / "lib/modules").iterdir())
    if len(releases) != 1:
        raise LabError(f"expected one kernel in the image, found {releases or 'none'}")
    return releases[0]


def say(text: str):
    print(f"lab: {text}", file=sys.stderr, flush=True)
