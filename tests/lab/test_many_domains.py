# SPDX-License-Identifier: Apache-2.0
"""As many PV domains at once as the first Xen was measured with, by stock xl: all answer, none costs a frame.

Takes long and 16 GiB, so it is not in the default run: `pytest -m long tests/lab/test_many_domains.py`.
ZOCALO_MANY sets another number of domains.
"""
import os
from pathlib import Path

import pytest
from conftest import GUESTS
from toolstack import Xl, config_text, until

import lab

HYPERVISORS = ("core",)
pytestmark = pytest.mark.long
COUNT = int(os.environ.get("ZOCALO_MANY", "128"))
ANSWERS = Path(__file__).with_name("dom0") / "answers.py"
GUEST = {"type": "pv", "kernel": f"{GUESTS}/vmlinux", "ramdisk": f"{GUESTS}/mini-initrd.img", "memory": 88,
         "cmdline": "console=hvc0 quiet mitigations=off", "vcpus": 1}
SMALL_MIB, LARGE_MIB, OTHERS_MIB = 3072, 16384, 1024 + 512  # others: dom0, and what is lost to tables
EACH_S = 60


def machine_mib() -> int:
    """What the lab must have for so many."""
    needed = OTHERS_MIB + COUNT * (GUEST["memory"] + 4)
    return SMALL_MIB if needed <= SMALL_MIB else max(LARGE_MIB, needed)


def free_mib(dom0) -> int:
    return int(dom0.must("xl info free_memory"))


def create_all(dom0, names):
    for name in names:
        dom0.put(f"/tmp/many/{name}.cfg", config_text({"name": name, **GUEST}))
    dom0.must(f"for name in {' '.join(names)}; do xl create -e -q /tmp/many/$name.cfg || exit 1; done",
              EACH_S * len(names))


def destroy_all(dom0, names):
    dom0.must(f"for name in {' '.join(names)}; do xl destroy $name || exit 1; done", EACH_S * len(names))
    until(lambda: len(Xl(dom0).domains()) == 1, "only dom0 is left", 120)


def test_all_answer_at_once_and_all_memory_comes_back(hypervisor):
    with lab.boot(hypervisor, cpus=2, memory_mib=machine_mib()) as dom0:
        # One goes first: what tools and dom0 keep for the next one is kept from here on.
        create_all(dom0, ["first"])
        destroy_all(dom0, ["first"])
        before = free_mib(dom0)
        names = [f"many{number}" for number in range(COUNT)]
        create_all(dom0, names)
        assert len(Xl(dom0).domains()) == COUNT + 1
        limit = EACH_S * COUNT
        answered = dom0.must(["/usr/bin/python3", "-I", "-", str(limit), *names], limit + 60, ANSWERS.read_bytes())
        assert sorted(answered.split()) == sorted(names)
        destroy_all(dom0, names)
        until(lambda: free_mib(dom0) == before, f"{before} MiB are free again", 60)
