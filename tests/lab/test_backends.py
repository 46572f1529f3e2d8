# SPDX-License-Identifier: Apache-2.0
"""Our disk and network backends on Xen, as the daemon starts them, with Linux's own drivers in the guest."""
import contextlib
import json
import re
import shlex
import time

import pytest
from mini_guest import image_digest, make_bridge, mini_guest, new_image
from toolstack import until

MIB = 1 << 20
WRITTEN = 4
XVDA, XVDB = 51712, 51728
ADDRESSES = {"IPv4": ("10.9.0.1", "10.9.0.2"), "IPv6": ("fd00:9::1", "fd00:9::2")}
LOST = "device.failed"


@pytest.fixture(scope="module")
def guest(dom0, deb):
    assert deb is not None, "no package was built: ./dev deb"
    make_bridge(dom0, "10.9.0.1/24", "fd00:9::1/64")
    image = new_image(dom0, "a.img", 64)
    with mini_guest(dom0, [f"format=raw,vdev=xvda,access=rw,target={image}"],
                    ["mac=00:16:3e:5a:00:01,bridge=xenbr0"]) as made:
        made.image = image
        configure(made)
        yield made


def configure(guest):
    guest.wait_device("/sys/class/net/eth0")
    guest.must("echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set eth0 up")
    guest.must("ip address add 10.9.0.2/24 dev eth0; ip address add fd00:9::2/64 dev eth0")


def healthy(guest):
    """The daemon answers, the first disk reads, the card answers: what a fault elsewhere must not touch."""
    assert "web" in guest.dom0.must(["zl", "list"])
    guest.must("dd if=/dev/xvda of=/dev/null bs=64k count=16 2>/dev/null")
    guest.must("ping -c 1 -W 10 10.9.0.1")


def plug_disk(guest, image: str, *more: str):
    guest.dom0.must(["zl", "block-attach", "web", ",".join(("format=raw,vdev=xvdb", *more, f"target={image}"))])
    guest.wait_device("/dev/xvdb")


def unplug_disk(guest):
    guest.dom0.must(["zl", "block-detach", "web", "xvdb"])
    assert guest.state("zblk", XVDB) == ""


def plug_first_again(dom0, guest):
    dom0.must(["zl", "block-detach", "--force", "web", "xvda"])
    dom0.must(["zl", "block-attach", "web", f"format=raw,vdev=xvda,access=rw,target={guest.image}"])
    guest.wait_device("/dev/xvda")


def test_what_a_guest_writes_is_in_the_image_and_reads_back(dom0, guest):
    assert guest.must("blockdev --getsize64 /dev/xvda") == str(64 * MIB)
    guest.must(f"dd if=/dev/urandom of=/tmp/data bs=64k count={WRITTEN * 16} 2>/dev/null")
    wrote = guest.must("sha256sum < /tmp/data").split()[0]
    guest.must("dd if=/tmp/data of=/dev/xvda bs=64k conv=fsync 2>/dev/null")
    assert image_digest(dom0, guest.image, WRITTEN) == wrote
    assert guest.digest("/dev/xvda", WRITTEN) == wrote


# All that a backend may have open; the rest of the pattern is the device of its kind.
OPEN = r"(/dev/null|socket:.*|pipe:.*|anon_inode:\[(eventpoll|eventfd|timerfd)\]|/dev/xen/(evtchn|gntdev)|{more})"
MORE = {"blk": ".*[.]img", "net": r"/dev/net/tun|anon_inode:\[io_uring\]"}


@pytest.mark.parametrize("kind", ["blk", "net"])
def test_a_backend_has_no_rights_and_reaches_nothing_that_is_not_listed(dom0, guest, kind):
    pid = guest.backend(kind)
    lines = dict(line.split(":", 1) for line in dom0.must(f"cat /proc/{pid}/status").splitlines() if ":" in line)
    users = {*lines["Uid"].split(), *lines["Gid"].split()}
    assert len(users) == 1 and int(users.pop()) >= 0x70000000
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(lines[capabilities], 16) == 0, capabilities
    assert int(lines["Seccomp_filters"]) <= 14  # each that it inherits runs for each ioctl, and so for each grant copy
    assert lines["NoNewPrivs"].strip() == "1" and lines["Seccomp"].strip() == "2" and lines["Groups"].strip() == ""
    assert int(lines["Threads"]) <= 2 and int(lines["VmLck"].split()[0]) > 0
    assert dom0.must(f"ls -A /proc/{pid}/root/") == ""
    assert dom0.must(f"readlink /proc/{pid}/cwd").strip() == "/"
    for space in ("mnt", "net", "ipc", "uts", "pid"):
        assert dom0.must(f"readlink /proc/{pid}/ns/{space}") != dom0.must(f"readlink /proc/1/ns/{space}"), space
    for target in dom0.must(f"cd /proc/{pid}/fd && for fd in *; do readlink $fd; done").splitlines():
        assert re.fullmatch(OPEN.format(more=MORE[kind]), target), target
    for mapping in dom0.must(f"cat /proc/{pid}/maps").splitlines():
        assert not ("w" in mapping.split()[1] and "x" in mapping.split()[1]), mapping
    limits = dom0.must(f"cat /proc/{pid}/limits")
    assert re.search(r"Max core file size +0 +0", limits), limits
    assert dom0.must(f"cut -d ' ' -f 19 /proc/{pid}/stat").strip() == "-10"
    assert f"/zocalo-backends.scope/{kind}-" in dom0.must(f"cat /proc/{pid}/cgroup")


def test_a_process_that_was_moved_goes_back_to_where_its_events_are_heard(dom0, guest):
    if int(dom0.must("nproc")) != 2:
        pytest.skip("for two processors")
    pid = guest.backend("blk")

    def used_on() -> int:
        guest.must("dd if=/dev/xvda of=/dev/null bs=4k count=32 iflag=direct 2>/dev/null")
        return int(dom0.must(f"ps -o psr= -p {pid}"))

    def settled() -> set[int]:
        seen = {used_on() for _ in range(3)}
        return seen if len(seen) == 1 else set()
    home = until(settled, "it stays somewhere").pop()
    away = 1 - home
    dom0.must(f"taskset -pc {away} {pid}")
    time.sleep(1.1)
    assert used_on() == away, "whoever pins it, pins it"
    dom0.must(f"taskset -pc 0-1 {pid}")
    until(lambda: used_on() == home, "it is back")


def test_fsync_in_the_guest_becomes_a_flush_of_the_image(dom0, guest):
    pid = guest.backend("blk")
    watch = dom0.start(f"exec strace -f -p {pid} -e trace=io_submit,fsync,fdatasync -o /tmp/flush")
    watch.expect(b"attached", 60)
    guest.must("dd if=/dev/urandom of=/dev/xvda bs=4k count=1 conv=fsync 2>/dev/null")
    watch.signal(2)
    watch.collect(60)
    calls = dom0.must("cat /tmp/flush")
    assert "FDSYNC" in calls or "FSYNC" in calls or "fdatasync(" in calls, calls


def test_a_read_only_disk_reads_and_refuses_writes(dom0, guest):
    image = new_image(dom0, "ro.img", 8)
    dom0.must(f"head -c 8M /dev/urandom > {image}")
    before = image_digest(dom0, image, 8)
    plug_disk(guest, image, "access=ro")
    assert guest.digest("/dev/xvdb", 8) == before
    assert guest.must("blockdev --getro /dev/xvdb") == "1"
    guest.must("! dd if=/dev/zero of=/dev/xvdb bs=4k count=1 conv=fsync 2>/dev/null")
    unplug_disk(guest)
    assert image_digest(dom0, image, 8) == before


def test_a_disk_that_the_driver_gave_back_is_closed_and_can_be_plugged_again(dom0, guest):
    """Linux's disk driver, unlike its driver for cards, does not connect a second time by itself."""
    pid, before = guest.backend("blk"), guest.digest("/dev/xvda", WRITTEN)
    guest.must(f"echo vbd-{XVDA} > /sys/bus/xen/drivers/vbd/unbind")
    until(lambda: guest.state("zblk", XVDA) == "6", "the backend has let go")
    assert guest.backend("blk") == pid
    plug_first_again(dom0, guest)
    assert guest.digest("/dev/xvda", WRITTEN) == before


def move_data(dom0, guest, family):
    host, inside = ADDRESSES[family]
    guest.must(f"ping -c 2 -s 1400 -W 10 {host}; head -c 2097152 /dev/urandom > /tmp/out")
    sent = guest.must("sha256sum < /tmp/out").split()[0]
    listener = dom0.start("busybox nc -l -p 5001 | sha256sum")  # its input stays open, or it leaves too early
    guest.must(f"for i in $(seq 50); do nc {host} 5001 < /tmp/out && break; sleep 0.2; done")
    assert listener.collect(120)[1].decode().split()[0] == sent
    right = dom0.must("head -c 2097152 /dev/urandom | tee /tmp/in | sha256sum").split()[0]
    sender = dom0.start(f"for i in $(seq 50); do busybox nc {inside} 5002 < /tmp/in && break; sleep 0.2; done")
    assert guest.must("nc -l -p 5002 | sha256sum").split()[0] == right
    assert sender.collect(60)[0] == 0


@pytest.mark.parametrize("family", ADDRESSES)
def test_data_moves_both_ways_over_the_network(dom0, guest, family):
    move_data(dom0, guest, family)


def test_a_card_works_with_pages_of_its_own_and_without(dom0, guest):
    """Grant copies name them by reference; where this host may grant no more, frames lie in ordinary memory."""
    limit = "/sys/module/xen_gntalloc/parameters/limit"
    raised = dom0.must(f"cat {limit}").strip()
    assert int(raised) > 1024, "the daemon has not raised the module's own"
    pid = guest.backend("net")
    one = "83"  # as many as one process takes: there are so many only if the one before left none behind
    try:
        for most, has in ((raised, True), (one, True), (one, True), ("0", False), (raised, True)):
            dom0.must(f"echo {most} > {limit}; kill -9 {pid}")
            pid = new_backend(dom0, guest, "net", pid)
            assert ("/dev/xen/gntalloc" in dom0.must(f"cat /proc/{pid}/maps")) == has
            move_data(dom0, guest, "IPv4")
    finally:
        dom0.must(f"echo {raised} > {limit}")


def test_the_driver_lets_go_of_a_card_and_takes_it_again(guest):
    pid = guest.backend("net")
    guest.must("echo vif-0 > /sys/bus/xen/drivers/vif/unbind")
    until(lambda: guest.state("znet", 0) in ("2", "6"), "the backend has let go")
    guest.must("echo vif-0 > /sys/bus/xen/drivers/vif/bind")
    configure(guest)
    guest.must("ping -c 2 -W 10 10.9.0.1")
    assert guest.backend("net") == pid


def stats(guest) -> dict[str, int]:
    """Of the first disk."""
    answer = guest.dom0.must("curl -sf --unix-socket /run/zocalo/toolstackd.sock"
                             f" http://localhost/v1/domains/{guest.id}/stats")
    return next(device["counters"] for device in json.loads(answer) if device["name"] == "xvda")


def test_the_guest_uses_every_queue_and_its_pages_stay_mapped(dom0, guest):
    assert guest.must("ls /sys/block/xvda/mq | wc -l") == "2"
    # Pages that were not used for a minute are let go: a slow host may have left the disk alone for that long.
    guest.must("dd if=/dev/xvda of=/dev/null bs=64k count=64 2>/dev/null")
    before = stats(guest)
    assert before["queues"] == 2 and before["persistent_grants"] > 0
    guest.must("echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/xvda of=/dev/null bs=64k count=64 2>/dev/null")
    after = stats(guest)
    assert after["read_bytes"] - before["read_bytes"] >= 4 * MIB
    assert after["persistent_segments"] - before["persistent_segments"] >= 4 * MIB // 4096
    listed = dom0.must(["zl", "block-list", "--stats", "web"])
    assert "MEDIUM-US" in listed and "xvda" in listed
    assert 'zocalo_disk_stage_seconds_bucket{name="web"' in dom0.must(
        "curl -sf --unix-socket /run/zocalo/toolstackd.sock http://localhost/metrics")


def test_a_discard_gives_the_images_space_back(dom0, guest):
    image = new_image(dom0, "d.img", 16)
    dom0.must(f"head -c 16M /dev/urandom > {image}; sync {image}")
    plug_disk(guest, image, "access=rw")
    assert int(guest.must("cat /sys/block/xvdb/queue/discard_granularity")) == 4096
    kept = image_digest(dom0, image, 4)
    guest.must("busybox blkdiscard -o 4194304 -l 8388608 /dev/xvdb")
    assert int(dom0.must(f"du -k {image}").split()[0]) <= 9 * 1024
    assert image_digest(dom0, image, 4) == kept
    unplug_disk(guest)


def test_a_disk_grows_under_the_guest(dom0, guest):
    image = new_image(dom0, "grow.img", 8)
    plug_disk(guest, image, "access=rw")
    dom0.must(f"truncate -s 24M {image}")
    assert guest.must("blockdev --getsize64 /dev/xvdb") == str(8 * MIB)
    dom0.must(["zl", "block-measure", "web", "xvdb"])
    until(lambda: guest.must("blockdev --getsize64 /dev/xvdb") == str(24 * MIB), "the guest sees the new size")
    guest.must("dd if=/dev/zero of=/dev/xvdb bs=1M seek=20 count=1 conv=fsync 2>/dev/null")
    unplug_disk(guest)


def test_a_limit_holds_on_a_running_disk_and_over_a_killed_backend(dom0, guest):
    """By counts: what a second is under emulation depends on the host."""
    def held_back() -> int:
        before = stats(guest)["limited"]
        guest.must("echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/xvda of=/dev/null bs=64k count=64 2>/dev/null")
        return stats(guest)["limited"] - before
    assert held_back() == 0
    dom0.must(["zl", "block-limit", "--bytes", str(MIB), "--bytes-burst", "65536", "web", "xvda"])
    assert held_back() > 0
    pid = guest.backend("blk")
    dom0.must(f"kill -9 {pid}")
    new_backend(dom0, guest, "blk", pid)
    until(lambda: stats(guest)["resumes"] == 1, "the disk goes on")
    assert held_back() > 0
    dom0.must(["zl", "block-limit", "web", "xvda"])
    assert held_back() == 0


def fill_what_lies_below(dom0, guest):
    """A sparse image outgrows its file system: the guest sees an error, and its disk goes on."""
    pid, folder = guest.backend("blk"), "/var/lib/zocalo-lab/small"
    dom0.must(f"mkdir -p {folder} && truncate -s 24M {folder}.fs && mkfs.ext4 -qF {folder}.fs"
              f" && mount -o loop {folder}.fs {folder} && truncate -s 64M {folder}/sparse.img")
    plug_disk(guest, f"{folder}/sparse.img", "access=rw")
    guest.must("! dd if=/dev/zero of=/dev/xvdb bs=1M count=60 conv=fsync 2>/dev/null")
    guest.must("dd if=/dev/xvdb of=/dev/null bs=64k count=4 2>/dev/null")
    assert guest.backend("blk") == pid
    unplug_disk(guest)
    dom0.must(f"umount {folder} && rm {folder}.fs")  # the backend has closed the image


def test_a_full_disk_below_a_sparse_image_is_an_error_in_the_guest_and_no_more(dom0, guest):
    fill_what_lies_below(dom0, guest)
    healthy(guest)


def test_a_detach_that_the_guest_does_not_answer_ends_and_says_why(dom0, guest):
    plug_disk(guest, new_image(dom0, "b.img", 16), "access=rw")
    dom0.must(["zl", "pause", "web"])
    status, _, said = dom0.run(["zl", "block-detach", "web", "xvdb"])
    assert status != 0 and "did not let go" in said and "--force" in said, (status, said)
    dom0.must(["zl", "block-detach", "--force", "web", "xvdb"])
    assert guest.state("zblk", XVDB) == ""
    dom0.must(["zl", "unpause", "web"])
    healthy(guest)


# Writes the same 2 MiB, reads them back past the cache and compares, until /tmp/stop is there.
WRITER = """\
n=0
while ! test -e /tmp/stop; do
    dd if=/tmp/data of=/dev/xvda bs=64k seek=64 conv=fsync 2>/dev/null || echo write >> /tmp/bad
    echo 3 > /proc/sys/vm/drop_caches
    test "$(dd if=/dev/xvda bs=64k skip=64 count=32 2>/dev/null | sha256sum)" = "$(cat /tmp/sum)" || echo read >> /tmp/bad
    n=$((n+1)); echo $n > /tmp/next; busybox mv /tmp/next /tmp/rounds
done
echo > /tmp/finished
"""


@contextlib.contextmanager
def busy_disk(guest):
    """The guest writes, reads and compares meanwhile. Afterwards it has seen nothing wrong."""
    guest.must("busybox rm -f /tmp/stop /tmp/bad /tmp/finished /tmp/writer; echo 0 > /tmp/rounds;"
               " dd if=/dev/urandom of=/tmp/data bs=64k count=32 2>/dev/null; sha256sum < /tmp/data > /tmp/sum")
    for line in WRITER.splitlines():
        guest.must(f"echo {shlex.quote(line)} >> /tmp/writer")
    guest.must("{ sh /tmp/writer < /dev/null > /dev/null 2>&1 & }")

    def goes_on():
        before = int(guest.must("cat /tmp/rounds"))
        until(lambda: int(guest.must("cat /tmp/rounds")) > before + 1, "the guest writes and reads on")
    goes_on()
    yield goes_on
    goes_on()
    guest.must("echo > /tmp/stop; for i in $(seq 600); do test -e /tmp/finished && break; sleep 0.1; done;"
               " test -e /tmp/finished && ! cat /tmp/bad 2>/dev/null")
    guest.must("! dmesg | grep -i 'i/o error.*xvda'")  # others may have met a full disk


def new_backend(dom0, guest, kind: str, old: int) -> int:
    until(lambda: dom0.run(f"pgrep -f '^zocalo-{kind}back.*--domain={guest.id}( |$)'")[1].strip() not in ("", str(old)),
          "a new process")
    return guest.backend(kind)


@pytest.mark.long
def test_a_guest_does_not_notice_that_its_disk_backend_is_killed_again_and_again(dom0, guest):
    daemon, failures = dom0.must("systemctl show -P MainPID toolstackd"), len(guest.events(LOST))
    with busy_disk(guest) as goes_on:
        for _ in range(4):
            pid = guest.backend("blk")
            dom0.must(f"kill -9 {pid}")
            new_backend(dom0, guest, "blk", pid)
            goes_on()
    assert dom0.must("systemctl show -P MainPID toolstackd") == daemon
    assert guest.state("zblk", XVDA) == "4"
    assert len(guest.events(LOST)) == failures
    assert len(guest.events("device.resumed")) >= 4
    outside = dom0.must(f"dd if={guest.image} bs=64k skip=64 count=32 2>/dev/null | sha256sum").split()[0]
    assert outside == guest.must("cat /tmp/sum").split()[0]
    healthy(guest)


def test_a_guest_does_not_notice_that_daemon_and_disk_backend_die_together(dom0, guest):
    failures, resumed = len(guest.events(LOST)), len(guest.events("device.resumed"))
    with busy_disk(guest):
        pid = guest.backend("blk")
        dom0.must(f"kill -9 $(systemctl show -P MainPID toolstackd) {pid}")
        until(lambda: dom0.run(["zl", "list"])[0] == 0, "the daemon is back")
        guest.replay()  # the console is the daemon's, and ended with it
        new_backend(dom0, guest, "blk", pid)
        until(lambda: len(guest.events("device.resumed")) > resumed, "the disk goes on")
    assert guest.state("zblk", XVDA) == "4"
    assert len(guest.events(LOST)) == failures


def test_detach_leaves_nothing_of_a_card(dom0, guest):
    dom0.must(["zl", "network-attach", "web", "mac=00:16:3e:5a:00:02,bridge=xenbr0"])
    guest.wait_device("/sys/class/net/eth1")
    assert f"vif{guest.id}.1" in dom0.must("ip -o link show master xenbr0")
    dom0.must(["zl", "network-detach", "web", "1"])
    assert f"vif{guest.id}.1" not in dom0.must("ip -o link")
    guest.must("for i in $(seq 50); do test -e /sys/class/net/eth1 || break; sleep 0.1; done;"
               " ! test -e /sys/class/net/eth1")
