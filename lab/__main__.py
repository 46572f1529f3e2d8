# SPDX-License-Identifier: Apache-2.0
"""`python3 -m lab`: run a command, get a shell or a debugger, build the images."""
import argparse
import sys
from pathlib import Path

from lab import cli


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="dev lab", description="Boots a Debian dom0 on a hypervisor under QEMU.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="boot, run CMD as root in dom0, exit with its status")
    shell = verbs.add_parser("shell", help="boot and give a root shell in dom0")
    gdb = verbs.add_parser("gdb", help="boot paused, with QEMU's gdb stub, then a shell (or CMD)")
    build = verbs.add_parser("images", help="build the cached images, if they are not there")
    for verb in (run, shell, gdb):
        verb.add_argument("--hypervisor", default="core", help="core (default), xen or none")
        verb.add_argument("--cpus", type=int, help="processors (2; 1 with --icount)")
        verb.add_argument("--memory", type=int, default=3072, metavar="MiB", help="of the machine")
        verb.add_argument("--icount", action="store_true", help="guest time counts instructions")
        verb.add_argument("--share", type=Path, metavar="DIR", help="DIR is /mnt/share in dom0")
        verb.add_argument("--boot-timeout", type=float, default=300, metavar="S")
        verb.add_argument("--xen-args", default="", help="added to Xen's command line")
        verb.add_argument("--kernel-args", default="", help="added to dom0's kernel command line")
        verb.add_argument("--keep", action="store_true", help="keep the run's folder")
    for verb in (run, shell, gdb, build):
        verb.add_argument("--deb", type=Path, help="package to install in dom0")
        verb.add_argument("--no-deb", action="store_true", help="dom0 without our package")
    run.add_argument("--timeout", type=float, default=600, metavar="S", help="for CMD (600)")
    run.add_argument("-i", "--stdin", action="store_true", help="CMD reads our standard input")
    gdb.add_argument("--port", type=int, default=1234)
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD")
    gdb.add_argument("command", nargs=argparse.REMAINDER, metavar="[-- CMD]")
    return cli.main(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
