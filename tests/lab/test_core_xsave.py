# SPDX-License-Identifier: Apache-2.0
"""XSAVE and AVX below dom0 and guests of our own hypervisor. On Xen, this emulated processor loses them (docs/decisions/003)."""
import json
import shutil
from pathlib import Path

import pytest
from mini_guest import mini_guest, program_disk
from test_guest_kernels import KERNELS, RUNNER

import lab

HYPERVISORS = ("core",)
KERNEL = "extended_state"
SECONDS = 20


@pytest.fixture(scope="module")
def dom0(hypervisor, deb, tmp_path_factory):
    share = tmp_path_factory.mktemp("kernels")
    for path in (*(path for path in KERNELS if path.name == KERNEL), RUNNER):
        shutil.copy(path, share)
    with lab.boot(hypervisor, cpus=2, deb=deb, share=share, xsave=True) as machine:
        yield machine


def test_dom0_uses_avx(dom0):
    flags = dom0.must("grep -m 1 ^flags /proc/cpuinfo").split()
    assert {"xsave", "avx", "avx2"} <= set(flags)
    assert "context size is 832 bytes" in dom0.must("dmesg | grep x86/fpu")


def test_a_kernel_switches_it_on_within_its_limits(dom0):
    asked = [{"name": KERNEL, "kernel": f"/mnt/share/{KERNEL}", "vcpus": 1}]
    result = json.loads(dom0.must(["python3", "/mnt/share/guest_kernels.py", json.dumps(asked)], 300))
    assert result["verdict"] == "SUCCESS", result["text"]


def test_registers_stay_with_their_process(dom0, tmp_path):
    """Two in dom0, two in a guest, on two processors: each is interrupted, and switched with its domain."""
    disk = program_disk(dom0, tmp_path, "vectors")
    program = Path(disk).with_suffix("") / "vectors"
    with mini_guest(dom0, [f"format=raw,vdev=xvda,access=ro,target={disk}"], []) as guest:
        guest.must("cd /tmp && busybox tar -xf /dev/xvda")
        beside = [dom0.start([str(program), str(SECONDS)]) for _ in range(2)]
        inside = guest.must(f"/tmp/vectors {SECONDS} > /tmp/a & /tmp/vectors {SECONDS}; wait; cat /tmp/a")
        assert inside.count("kept") == 2, inside
        for one in beside:
            status, out, _ = one.collect(120)
            assert status == 0, out
