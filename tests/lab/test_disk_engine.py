# SPDX-License-Identifier: Apache-2.0
"""Disks served through io_uring, as toolstackd.toml chooses it, with the process's list of system calls and its limits."""
import json

import pytest
from mini_guest import image_digest, mini_guest, new_image
from test_backends import LOST, busy_disk, fill_what_lies_below, new_backend, plug_disk, unplug_disk
from toolstack import until

MIB = 4
CONFIG = "/etc/zocalo/toolstackd.toml"
# Each request takes seven seconds: what is under way when the process is killed is so when the next one comes. The
# device would give up after five, the daemon after ten (the process reads once to see whether direct I/O works).
SLOW = "modprobe null_blk nr_devices=1 queue_mode=2 irqmode=2 completion_nsec=7000000000 memory_backed=1 gb=1 bs=512" \
       " && echo 60000 > /sys/block/nullb0/queue/io_timeout"


@pytest.fixture(scope="module")
def guest(dom0, deb):
    assert deb is not None, "no package was built: ./dev deb"
    dom0.must(f"cp {CONFIG} /run/toml && printf '[backends]\\ndisk_engine = \"io_uring\"\\n' > {CONFIG}"
              " && systemctl restart toolstackd")
    image = new_image(dom0, "u.img", 64)
    with mini_guest(dom0, [f"format=raw,vdev=xvda,access=rw,target={image}"]) as made:
        made.image = image
        yield made
    dom0.must(f"cp /run/toml {CONFIG} && rm /run/toml && systemctl restart toolstackd")


def in_flight(guest, name: str) -> int:
    answer = guest.dom0.must("curl -sf --unix-socket /run/zocalo/toolstackd.sock"
                             f" http://localhost/v1/domains/{guest.id}/stats")
    return next(device["counters"]["in_flight"] for device in json.loads(answer) if device["name"] == name)


def test_what_a_guest_writes_is_in_the_image_and_libaio_has_no_part_in_it(dom0, guest):
    pid = guest.backend("blk")
    assert "anon_inode:[io_uring]" in dom0.must(f"cd /proc/{pid}/fd && for fd in *; do readlink $fd; done")
    assert "web xvda: served through io_uring" in dom0.must("journalctl -b --no-pager -o cat")
    rows = json.loads(dom0.must("zl block-list --stats web -o json"))
    assert {row["name"]: row["engine"] for row in rows} == {"xvda": "io_uring"}
    watch = dom0.start(f"exec strace -f -p {pid} -e trace=io_submit,io_setup,io_uring_enter -o /tmp/calls")
    watch.expect(b"attached", 60)
    guest.must(f"dd if=/dev/urandom of=/tmp/data bs=64k count={MIB * 16} 2>/dev/null")
    wrote = guest.must("sha256sum < /tmp/data").split()[0]
    guest.must("dd if=/tmp/data of=/dev/xvda bs=64k conv=fsync 2>/dev/null")  # the image has no space of its own yet
    watch.signal(2)
    watch.collect(60)
    calls = dom0.must("cat /tmp/calls")
    assert "io_uring_enter(" in calls and "io_submit(" not in calls and "io_setup(" not in calls, calls
    assert image_digest(dom0, guest.image, MIB) == wrote
    assert guest.digest("/dev/xvda", MIB) == wrote
    lines = dict(line.split(":", 1) for line in dom0.must(f"cat /proc/{pid}/status").splitlines() if ":" in line)
    assert lines["Seccomp"].strip() == "2" and int(lines["Threads"]) <= 7  # of eight that its group holds


def test_disks_come_go_and_grow_while_another_is_busy(dom0, guest):
    image = new_image(dom0, "plugged.img", 8)
    with busy_disk(guest) as goes_on:
        plug_disk(guest, image, "access=rw")
        guest.must("busybox blkdiscard -o 1048576 -l 1048576 /dev/xvdb; dd if=/tmp/data of=/dev/xvdb bs=64k conv=fsync")
        goes_on()
        unplug_disk(guest)
    assert image_digest(dom0, image, 2) == guest.must("cat /tmp/sum").split()[0]


def test_a_full_disk_below_a_sparse_image_is_an_error_in_the_guest_and_no_more(dom0, guest):
    with busy_disk(guest) as goes_on:
        fill_what_lies_below(dom0, guest)
        goes_on()


def test_a_guest_does_not_notice_that_the_process_is_killed(dom0, guest):
    failures, resumed = len(guest.events(LOST)), len(guest.events("device.resumed"))
    with busy_disk(guest) as goes_on:
        for _ in range(2):
            pid = guest.backend("blk")
            dom0.must(f"kill -9 {pid}")
            new_backend(dom0, guest, "blk", pid)
            goes_on()
    assert len(guest.events(LOST)) == failures
    assert len(guest.events("device.resumed")) >= resumed + 2


@pytest.mark.long
def test_transfers_of_a_killed_process_end_before_the_next_repeats_them(dom0, guest):
    dom0.must(SLOW)
    plug_disk(guest, "/dev/nullb0", "access=rw")
    failures, resumed = len(guest.events(LOST)), len(guest.events("device.resumed"))
    guest.must("busybox rm -f /tmp/wrote; dd if=/dev/urandom of=/tmp/slow bs=64k count=16 2>/dev/null")
    guest.must("{ { dd if=/tmp/slow of=/dev/xvdb bs=64k conv=fsync 2>/dev/null; echo $? > /tmp/wrote; } < /dev/null & }")
    until(lambda: in_flight(guest, "xvdb") > 0, "the disk is busy")
    pid = guest.backend("blk")
    dom0.must(f"kill -9 {pid}")
    until(lambda: len(guest.events("device.resumed")) >= resumed + 2 or len(guest.events(LOST)) > failures, "both disks go on")
    assert len(guest.events(LOST)) == failures
    guest.must("for i in $(seq 600); do test -e /tmp/wrote && break; sleep 0.1; done; test $(cat /tmp/wrote) = 0")
    assert guest.digest("/dev/xvdb", 1) == guest.must("sha256sum < /tmp/slow").split()[0]
    unplug_disk(guest)
    dom0.must("modprobe -r null_blk")
