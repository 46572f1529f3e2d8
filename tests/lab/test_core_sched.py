# SPDX-License-Identifier: Apache-2.0
"""The scheduler of our hypervisor: shares, caps and delays on a machine whose clock counts instructions (so that no load
of the host changes them), and guests of several vCPUs on two processors."""
import re
import sys
import time

import pytest
from conftest import GUESTS, TREE

import lab
from lab import qemu

sys.path.insert(0, str(TREE / "tests/bench"))
import scheduler  # noqa: E402

BUSY = """name = "{name}"
type = "pv"
kernel = "{guests}/vmlinux"
ramdisk = "{guests}/mini-initrd.img"
cmdline = "console=hvc0"
memory = 128
vcpus = 4
"""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def counted(deb):
    """One processor, instructions as time."""
    if qemu.core_image() is None:
        pytest.skip("zocalo-core is not built: ./dev build release makes it")
    with lab.boot("core", cpus=1, icount=True, timeout=scheduler.LIMIT_S) as machine:
        yield scheduler.Scheduled(machine)


@pytest.fixture(autouse=True)
def clear(request):
    yield
    if "counted" in request.fixturenames:
        request.getfixturevalue("counted").clear()


def test_weights_share_a_processor_as_they_say(counted):
    for share, wanted in zip(scheduler.weights(counted, 2.0), (1 / 7, 2 / 7, 4 / 7)):
        assert share == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize("percent, rival", [(25, False), (40, True)])
def test_a_cap_holds(counted, percent, rival):
    assert scheduler.cap(counted, percent, rival, 2.0) == pytest.approx(percent, rel=0.03)


def test_hogs_delay_a_sleeper_by_a_slice_at_most(counted):
    found = scheduler.wakeups(counted, 2)
    assert found["beside hogs"][1] <= found["alone"][1] + scheduler.SLICE_MS
    assert found["beside hogs"][0] <= found["alone"][0] + scheduler.SLICE_MS / 2


def vcpu_times(dom0, name: str) -> list[float]:
    lines = dom0.must(["xl", "vcpu-list", name]).splitlines()[1:]
    return [float(re.search(r" (\d+\.\d) ", line)[1]) for line in lines]


def until_all_ran(dom0, names, seconds: float = 300):
    """Each vCPU gets half a second more of a processor; the limit only bounds a failure."""
    before = {name: vcpu_times(dom0, name) for name in names}
    end = time.monotonic() + seconds
    while True:
        after = {name: vcpu_times(dom0, name) for name in names}
        if all(now >= then + 0.5 for name in names for now, then in zip(after[name], before[name])):
            return
        assert time.monotonic() < end, (before, after)
        time.sleep(0.5)


def test_guests_of_four_vcpus_share_two_processors():
    """All eight vCPUs come up, all of them run, nothing breaks, and the machine stays usable."""
    if qemu.core_image() is None:
        pytest.skip("zocalo-core is not built: ./dev build release makes it")
    with lab.boot("core", cpus=2) as dom0:
        consoles = {}
        for name in ("one", "two"):
            dom0.put(f"/root/{name}.cfg", BUSY.format(name=name, guests=GUESTS))
            dom0.must(["xl", "create", "-p", f"/root/{name}.cfg"])
            consoles[name] = dom0.start(["xl", "console", name], tty=True)
            dom0.must(["xl", "unpause", name])
        for console in consoles.values():
            console.expect(b"zocalo-mini: ready", 400)
            console.write(b"grep -c ^processor /proc/cpuinfo | sed 's/^/processors: /'\n")
            console.expect(b"processors: 4", 200)
            console.write(b"for i in 1 2 3 4; do (while :; do :; done) & done; echo all-$((40 + 2))\n")
            console.expect(b"all-42", 200)
        until_all_ran(dom0, consoles)
        for name, console in consoles.items():
            console.write(b"echo still-$((40 + 2))\n")
            console.expect(b"still-42", 200)
            dom0.must(["xl", "destroy", name])
        assert len(dom0.must(["xl", "list"]).splitlines()) == 2
