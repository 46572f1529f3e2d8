# SPDX-License-Identifier: Apache-2.0
"""Dom0 beside guests that keep their backends busy: those run ten steps of nice before its other programs, which must go on."""
import pytest
from toolstack import WORK, Guest, until

HYPERVISORS = ("xen", "core")

BUSY_GUESTS = 3
SECONDS = 15
READS = "{ while :; do busybox dd if=/dev/xvda of=/dev/null bs=64k iflag=direct; done > /dev/null 2>&1 & }"
# The share of one processor that a program gets which only computes.
COMPUTES = f"""
import time
end = time.monotonic() + {SECONDS}
while time.monotonic() < end:
    pass
print(time.process_time() / {SECONDS})
"""


def processor_seconds(dom0) -> float:
    """Of all processes of disks."""
    ticks = dom0.must("cat $(pgrep -f '^zocalo-blkback@' | sed 's,.*,/proc/&/stat,')").splitlines()
    return sum(int(line.rsplit(")", 1)[1].split()[field]) for line in ticks for field in (11, 12)) / 100


@pytest.fixture
def busy(zl):
    guests = []
    try:
        for i in range(BUSY_GUESTS):
            image = f"{WORK}/busy{i}.img"
            zl.dom0.must(f"head -c 16M /dev/urandom > {image}")
            guests.append(Guest(zl, f"busy{i}", "pv", disk=[f"format=raw,vdev=xvda,access=rw,target={image}"]))
            guests[-1].create().attach().must(READS)
        yield guests
    finally:
        for guest in guests:
            guest.remove()
        zl.dom0.must(f"rm -f {WORK}/busy*.img")


@pytest.mark.long
def test_programs_of_dom0_have_their_share_beside_busy_backends(zl, dom0, busy):
    pids = dom0.must("pgrep -f '^zocalo-blkback@'").split()
    assert len(pids) == BUSY_GUESTS
    assert set(dom0.must(f"ps -o ni= -p {','.join(pids)}").split()) == {"-10"}
    begun = processor_seconds(dom0)
    until(lambda: processor_seconds(dom0) > begun + 0.5, "the backends work")

    before = processor_seconds(dom0)
    share = float(dom0.must(["/usr/bin/python3", "-c", COMPUTES], 300))
    worked = processor_seconds(dom0) - before
    print(f"a program of dom0 has {share:.2f} of a processor; the backends worked for {worked:.1f} s meanwhile")
    assert worked > SECONDS / 10, "else there was nothing to share"
    assert share > 0.05

    fourth = Guest(zl, "fourth", "pv")
    fourth.create("-p")
    assert zl.state("fourth") == "paused"
    fourth.remove()
