# SPDX-License-Identifier: Apache-2.0
"""What the daemon makes of a host in trouble: a full disk, a xenstored that comes back empty, power cuts."""
import json
import re
import time

import pytest
from toolstack import BOOT_LIMIT_S, WORK, Guest, until

from lab.guest_shell import GuestShell

pytestmark = pytest.mark.long
BRIDGE = ("ip link add xenbr0 type bridge forward_delay 0 && ip address add 10.77.0.1/24 dev xenbr0"
          " && ip link set xenbr0 up")
STATE = "/var/lib/zocalo"
# As the script of System V does it with which Debian starts it.
XENSTORED_ANEW = """set -e
pid=$(cat /run/xenstore.pid)
command=$(tr '\\0' ' ' < /proc/$pid/cmdline)
kill -9 $pid
while kill -0 $pid 2>/dev/null; do sleep 0.1; done
rm -f /run/xenstored/socket* /run/xenstore.pid
$command
for i in $(seq 100); do xenstore-read / >/dev/null 2>&1 && break; sleep 0.1; done
/usr/lib/xen-4.17/bin/xen-init-dom0
"""


@pytest.fixture
def small_state(dom0, zl, leak_check):
    """The daemon with its database on a file system of 16 MiB; afterwards what is there then is where it was before."""
    dom0.must(f"systemctl stop toolstackd.socket toolstackd && truncate -s 16M {WORK}/state.fs"
              f" && mkfs.ext4 -qF {WORK}/state.fs && cp -a {STATE} {WORK}/state.copy"
              f" && mount -o loop {WORK}/state.fs {STATE} && cp -a {WORK}/state.copy/. {STATE}/"
              " && systemctl start toolstackd.socket toolstackd")
    yield STATE
    dom0.must(f"systemctl stop toolstackd.socket toolstackd; rm -rf {STATE}/filler* {WORK}/state.copy/*"
              f" && cp -a {STATE}/. {WORK}/state.copy/ && umount {STATE} && cp -a {WORK}/state.copy/. {STATE}/"
              f" && rm -rf {WORK}/state.* && systemctl start toolstackd.socket toolstackd")
    leak_check.forget()


def test_a_full_disk_refuses_changes_says_why_and_keeps_what_is(dom0, zl, xl, small_state):
    guest = Guest(zl, "before", "pv").create()
    guest.attach()
    dom0.run(f"dd if=/dev/zero of={STATE}/filler bs=64k; dd if=/dev/zero of={STATE}/filler2 bs=512; sync")
    said = zl.fails(1, "create", Guest(zl, "too-late", "pv").file)
    assert "full" in said and "make room" in said, said
    # A change of what runs is refused likewise, before anything was done.
    assert "full" in zl.fails(1, "pause", "before") and zl.state("before") == "running"
    assert "full" in zl.fails(1, "destroy", "before")
    assert guest.shell.must("echo it ru''ns").strip() == "it runs"
    assert {"before"} == set(zl.names()) - {"Domain-0"} == set(xl.domains()) - {"Domain-0"}
    # Also a daemon that starts on a full disk serves.
    dom0.must("systemctl restart toolstackd")
    assert zl.state("before") == "running"
    dom0.must(f"rm {STATE}/filler {STATE}/filler2")
    guest.detach()
    zl("pause", "before")
    zl("destroy", "before")
    Guest(zl, "after", "pv").create("-p").remove()
    guest.remove()


def test_a_full_disk_while_a_guest_ends_is_waited_out(dom0, zl, xl, small_state):
    """Nothing can be written down at its end; when there is room again, it is, and once."""
    guest = Guest(zl, "ends", "pv", on_poweroff="destroy").create()
    shell = guest.attach()
    dom0.run(f"dd if=/dev/zero of={STATE}/filler bs=64k; dd if=/dev/zero of={STATE}/filler2 bs=512; sync")
    shell.send("poweroff -f\n")
    until(lambda: "s" in xl.domains().get("ends", {"state": "------"})["state"], "Xen says that it has ended")
    dom0.must(f"rm {STATE}/filler {STATE}/filler2")
    until(lambda: "ends" not in zl.names() and "ends" not in xl.domains(), "it is cleaned up")
    ended = [row for row in zl.json("events", "--no-follow") if row["name"] == "ends" and row["kind"] == "domain.ended"]
    assert [row["body"]["reason"] for row in ended] == ["poweroff"]
    guest.remove()


def findings(dom0) -> list[dict]:
    """The doctor's; its status says that there are any."""
    return json.loads(dom0.run(["zl", "doctor", "-o", "json"])[1])


def test_a_xenstored_that_comes_back_empty_is_noticed_and_new_guests_work(dom0, zl, xl, leak_check):
    guest = Guest(zl, "survivor", "pv", vif=["bridge=xenbr0"]).create()
    guest.attach()
    daemon = dom0.must("systemctl show -P MainPID toolstackd")
    domid = guest.domid
    dom0.must(["bash", "-c", XENSTORED_ANEW])
    until(lambda: any("lost its nodes" in row["text"] for row in findings(dom0)), "the doctor says it")
    # What Xen knows is still known; what xenstore knew is not made up.
    assert (zl.state("survivor"), guest.domid) == ("running", domid)
    assert guest.shell.must("echo conso''le").strip() == "console"
    # Watches work again: a domain that somebody else destroys is seen to go.
    other = Guest(zl, "newcomer", "pv").create()
    other.attach()
    assert xl.node(other.path("name")) == "newcomer"
    other.detach()
    dom0.must(["xl", "destroy", "newcomer"])
    until(lambda: "newcomer" not in zl.names(), "the newcomer's end is seen")
    guest.detach()
    zl("destroy", "survivor")
    assert "survivor" not in xl.domains() and "survivor" not in zl.names()
    assert [row["severity"] for row in zl.json("doctor")] == ["ok"]
    assert dom0.must("systemctl show -P MainPID toolstackd") == daemon
    other.remove()
    guest.remove()
    leak_check.forget()


def test_what_a_guest_fsynced_is_there_after_a_power_cut(dom0, zl, leak_check):
    image = f"{WORK}/durable.img"
    dom0.must(f"truncate -s 16M {image} && sync {image}")
    guest = Guest(zl, "durable", "pv", disk=[f"format=raw,vdev=xvda,access=rw,target={image}"]).create()
    shell = guest.attach()
    want = shell.must("dd if=/dev/urandom of=/tmp/d bs=64k count=64 2>/dev/null; sha256sum < /tmp/d").split()[0]
    shell.must("dd if=/tmp/d of=/dev/xvda bs=64k conv=fsync 2>/dev/null")
    guest.shell = None
    dom0.reset()
    dom0.must(BRIDGE)
    assert dom0.must(f"head -c 4M {image} | sha256sum").split()[0] == want
    assert "durable" not in zl.names()
    dom0.must(["rm", image])
    guest.remove()
    leak_check.forget()


# Prints "accepted ID" as soon as the daemon has taken a request; then the power goes.
WORKLOAD = r"""
cd {work}
ask() {{ id=$("$@" --no-wait 2>/dev/null) && echo "accepted $id $*"; }}
n=0
while :; do
    n=$((n+1)); sed "s/^name = .*/name = \"{defined}$n\"/" kept.cfg > defined.cfg
    zl define defined.cfg > /dev/null && echo "defined {defined}$n."
    ask zl create -p cut.cfg && zl ops wait $id > /dev/null
    ask zl block-attach cut format=raw,vdev=xvdb,access=rw,target={work}/cut-b.img && zl ops wait $id > /dev/null
    ask zl start kept -p && zl ops wait $id > /dev/null
    ask zl destroy cut && zl ops wait $id > /dev/null
    ask zl destroy kept && zl ops wait $id > /dev/null
done
"""


def test_power_cuts_in_the_middle_of_operations_lose_nothing_that_outlives_the_host(dom0, zl, xl, leak_check, hypervisor):
    for name in ("cut-a", "cut-b"):
        dom0.must(f"truncate -s 4M {WORK}/{name}.img && sync {WORK}/{name}.img")
    cut = Guest(zl, "cut", "pv", disk=[f"format=raw,vdev=xvda,access=rw,target={WORK}/cut-a.img"],
                vif=["bridge=xenbr0"])
    kept = Guest(zl, "kept", "pvh" if hypervisor == "xen" else "pv")
    zl("define", kept.file)
    zl("autostart", "kept", "--disable")
    dom0.must("sync")
    everything = set()
    for cut_number, moment in enumerate((1.3, 2.9, 4.2)):
        load = GuestShell(dom0, ["bash", "-c", WORKLOAD.format(work=WORK, defined=f"defined-{cut_number}-")])
        load.expect("accepted", 60)
        time.sleep(moment)
        dom0.reset()
        dom0.must(BRIDGE)
        accepted = {int(number) for number in re.findall(r"accepted (\d+)", load.everything())}
        defined = set(re.findall(r"defined (\S+)[.]", load.everything()))
        assert accepted and defined
        everything |= defined
        until(lambda: zl.json("ops", "--active") == [], "nothing is under way any more", BOOT_LIMIT_S)
        ops = {row["id"]: row for row in zl.json("ops")}
        # What happened to guests of that boot may be forgotten with them; what is known has ended.
        for number in accepted & set(ops):
            assert ops[number]["state"] == "done" or ops[number]["error"], ops[number]
        # A host that has just started has no guests but those that were told to start by themselves.
        assert set(xl.domains()) == {"Domain-0"}
        # The last one may have been defined without anybody having been told.
        assert everything <= set(zl.names()) - {"Domain-0", "kept"}
        assert all(name.startswith("defined-") for name in set(zl.names()) - {"Domain-0", "kept"})
        assert [row["severity"] for row in zl.json("doctor")] == ["ok"]
    numbers = [row["seq"] for row in zl.json("events", "--no-follow", "--since", "0")]
    assert numbers == sorted(set(numbers))
    for name in set(zl.names()) - {"Domain-0", "kept"}:
        zl("undefine", name)
    cut.remove()
    kept.remove()
    dom0.must(f"rm -f {WORK}/cut-*.img")
    leak_check.forget()
