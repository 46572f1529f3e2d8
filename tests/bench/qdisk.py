# SPDX-License-Identifier: Apache-2.0
"""Puts Debian's QEMU for Xen, the backend behind xl's qdisk, into a running dom0 whose image does not have it."""
import subprocess
import sys
from pathlib import Path

from lab.errors import LabError

PACKAGE = "qemu-system-xen"
NOT_FOLLOWED = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")


def install(machine, share: Path):
    """Downloads what dom0 lacks into `share` (its /mnt/share) and unpacks it there; no maintainer script runs."""
    have = set(machine.must(["dpkg-query", "-W", "-f", "${Package}\\n"]).split())
    missing = [name for name in closure() if name not in have]
    print(f"bench: {PACKAGE} and {len(missing) - 1} packages for it", file=sys.stderr)
    done = subprocess.run(["apt-get", "download", *missing], cwd=share, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"cannot download {PACKAGE} for the comparison: {done.stderr.strip()}")
    machine.must("for deb in /mnt/share/*.deb; do dpkg -x $deb / || exit 1; done; ldconfig", 600)


def closure() -> list[str]:
    """The package and all it depends on, as this machine's lists have it."""
    command = ["apt-cache", "depends", "--recurse", *(f"--no-{kind}" for kind in NOT_FOLLOWED), PACKAGE]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if line[:1].isalnum()]
