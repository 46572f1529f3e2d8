# SPDX-License-Identifier: Apache-2.0
"""`./dev` and `./dev lab` where they cannot work: one clear line on stderr, a status, no traceback."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[3]
INSTALL = TREE / "tools/install_packages.sh"
NOBODY = 65534
as_another_user = pytest.mark.skipif(
    os.geteuid() != 0 or not all(folder.stat().st_mode & 1 for folder in (TREE, *TREE.parents)),
    reason="needs root to become another user, and a work tree that users may enter")
PLAIN_TOOLS = ("bash", "cat", "dirname", "grep", "sort", "comm", "sed", "tail", "mktemp", "rm", "id", "echo", "env", "df")


@pytest.fixture
def open_folder():
    """A folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def host(open_folder):
    """A PATH of its own: what a test puts there is all that the script finds."""
    folder = open_folder
    for tool in PLAIN_TOOLS:
        place = next(p for p in (Path("/usr/bin") / tool, Path("/bin") / tool) if p.exists())
        (folder / tool).symlink_to(place)

    def program(name, text):
        path = folder / name
        path.unlink(missing_ok=True)
        path.write_text("#!/bin/bash\n" + text)
        path.chmod(0o755)
    program.folder = folder
    return program


def install(host, user=0):
    return subprocess.run([str(host.folder / "bash"), str(INSTALL), "lab"], env={"PATH": str(host.folder)},
                          capture_output=True, text=True, user=user)


def one_line(done, *words):
    assert done.returncode != 0 and done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert all(word in last for word in words), done.stderr
    assert "Traceback" not in done.stderr
    return last


def test_a_host_that_is_not_debian_is_told_what_to_do(host):
    done = install(host)
    assert one_line(done, "needs Debian 12", "tools/packages") == done.stderr.strip()


def test_installed_packages_need_nothing_more(host):
    wanted = (TREE / "tools/packages/lab.txt").read_text()
    host("apt-get", "exit 9")
    host("dpkg-query", "".join(f"echo installed {name}\n" for name in wanted.split("\n") if name and name[0] != "#"))
    done = install(host)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_network_is_named(host):
    host("dpkg-query", "")
    host("apt-get", "echo 'Err:1 http://deb.debian.org bookworm'; echo 'E: Unable to fetch some archives'; exit 100")
    one_line(install(host), "could not install", "deb.debian.org", "network")


def test_a_full_disk_is_named_before_anything_is_downloaded(host):
    host("dpkg-query", "")
    host("apt-get", "echo downloading >&2; exit 0")
    host("df", "echo Avail; echo 12")
    done = install(host)
    one_line(done, "12 MiB free", "make room")
    assert "downloading" not in done.stderr


@as_another_user
def test_a_user_without_sudo_is_told_what_root_should_install(host):
    host("dpkg-query", "")
    host("apt-get", "exit 9")
    one_line(install(host, user=NOBODY), "not root and no sudo", "apt-get install", "qemu-system-x86")


def lab(*words, env, user=None):
    return subprocess.run([sys.executable, "-m", "lab", *words], cwd=TREE, capture_output=True, text=True, user=user,
                          env={"PATH": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1", **env}, stdin=subprocess.DEVNULL)


@as_another_user
def test_a_user_without_sudo_is_told_how_to_get_the_images(open_folder):
    done = lab("run", "--hypervisor", "xen", "--no-deb", "--", "true",
               env={"XDG_CACHE_HOME": str(open_folder)}, user=NOBODY)
    assert done.returncode == 125
    one_line(done, "needs root", "no sudo", f"XDG_CACHE_HOME={open_folder} ./dev lab images")


def test_a_cache_that_cannot_be_made_is_named():
    done = lab("run", "--hypervisor", "xen", "--no-deb", "--", "true", env={"XDG_CACHE_HOME": "/proc/nowhere"})
    assert done.returncode == 125
    one_line(done, "/proc/nowhere", "XDG_CACHE_HOME")


def test_a_full_cache_disk_is_named(tmp_path):
    code = ("import shutil, sys, lab.images as i; from collections import namedtuple as n;"
            "shutil.disk_usage = lambda p: n('U', 'total used free')(9, 9, 5 << 20);"
            "sys.argv = ['lab', 'images', '--no-deb']; from lab.__main__ import main; sys.exit(main())")
    done = subprocess.run([sys.executable, "-c", code], cwd=TREE, capture_output=True, text=True,
                          env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)})
    if os.geteuid() == 0:
        one_line(done, "5 MiB free", "make room")


def test_a_shell_without_a_terminal_says_what_to_use_instead():
    done = lab("shell", "--hypervisor", "xen", "--no-deb", env={"XDG_CACHE_HOME": "/proc/nowhere"})
    assert done.returncode == 125
    one_line(done, "terminal", "run -i")


def test_run_without_a_command_boots_nothing():
    done = lab("run", "--hypervisor", "xen", "--no-deb", env={"XDG_CACHE_HOME": "/proc/nowhere"})
    assert done.returncode == 125
    one_line(done, "run needs a command")
