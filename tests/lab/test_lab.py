# SPDX-License-Identifier: Apache-2.0
"""The lab itself: commands run as asked, and stock xl boots guests, so the ground is sound."""
import os
import subprocess
import sys
import time

import pytest
from conftest import GUESTS, TREE

import lab

MINI_GUEST = """
name = "{kind}"
type = "{kind}"
kernel = "{guests}/vmlinux"
ramdisk = "{guests}/mini-initrd.img"
cmdline = "console=hvc0"
memory = 128
vcpus = 1
on_poweroff = "destroy"
"""


def dev_lab(*words, timeout=420):
    return subprocess.run([sys.executable, "-m", "lab", *words], cwd=TREE, capture_output=True,
                          timeout=timeout, stdin=subprocess.DEVNULL, env=dict(os.environ))


def until(check, seconds=300):
    """Waits for a state of the guest; the limit only bounds a failure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s")


def test_a_command_runs_on_xen_with_its_status_output_and_shared_folder(deb, tmp_path):
    (tmp_path / "in").write_bytes(b"from the host")
    done = dev_lab("run", "--hypervisor", "xen", "--share", str(tmp_path), "--",
                   "cat /mnt/share/in; printf '\\0\\377\\n'; echo why >&2; echo out > /mnt/share/out;"
                   " cat /sys/hypervisor/type; exit 7")
    assert done.returncode == 7, done.stderr
    assert done.stdout == b"from the host\0\xff\nxen\n"
    assert b"why\n" in done.stderr and b"logs are in" in done.stderr
    assert (tmp_path / "out").read_text() == "out\n"


def test_the_bare_kernel_runs_the_same_image(deb):
    done = dev_lab("run", "--hypervisor", "none", "--", "cat /sys/hypervisor/type || hostname")
    assert (done.returncode, done.stdout) == (0, b"dom0\n"), done.stderr


def test_a_command_that_hangs_ends_at_the_limit_with_the_log(dom0):
    with pytest.raises(lab.LabTimeout, match="(?s)did not end in 2 s.*end of the serial log"):
        dom0.run("sleep 1000", timeout=2)
    assert dom0.run("true")[0] == 0


def test_several_commands_run_at_once_in_one_boot(dom0):
    slow = dom0.start("read line; echo got $line")
    assert dom0.run("echo quick") == (0, "quick\n", "")
    slow.write(b"word\n")
    slow.end_input()
    assert slow.collect(60) == (0, b"got word\n", b"")


def test_files_go_in_and_out_unchanged(dom0):
    data = bytes(range(256)) * 4096
    dom0.put("/tmp/folder/file", data, mode=0o600)
    assert dom0.get("/tmp/folder/file") == data
    assert dom0.must("stat -c %a /tmp/folder/file") == "600\n"


def test_a_missing_program_is_status_127(dom0):
    status, out, err = dom0.run(["/no/such/program"])
    assert (status, out) == (127, "") and "No such file" in err


def test_dom0_comes_up_as_on_a_real_host(dom0):
    assert dom0.must("xenstore-read /local/domain/0/name") == "Domain-0\n"
    assert dom0.must("pgrep -c xenconsoled") == "1\n"
    assert dom0.must("systemctl list-units --failed --no-legend") == ""
    assert dom0.must("journalctl -q -b -p 3 --no-pager -t systemd") == ""


@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_stock_xl_boots_the_minimal_guest(dom0, kind):
    dom0.put(f"/tmp/{kind}.cfg", MINI_GUEST.format(kind=kind, guests=GUESTS))
    dom0.must(["xl", "create", "-p", f"/tmp/{kind}.cfg"])
    console = dom0.start(["xl", "console", kind], tty=True)
    dom0.must(["xl", "unpause", kind])
    try:
        console.expect(b"zocalo-mini: ready", 400)
        console.expect(b"mini#", 200)
        # The sum of a known word: the guest computes, and its console works both ways.
        console.write(b"printf zocalo | sha256sum\n")
        console.expect(b"018b305b306aa431722269445f27696e9efd0f3f1016ed1b40d8eb582187c58b", 200)
        dom0.must(["xl", "shutdown", kind])
        until(lambda: dom0.run(["xl", "domid", kind])[0] != 0)
    finally:
        dom0.run(["xl", "destroy", kind])
