# SPDX-License-Identifier: Apache-2.0
"""Channels, CD drives, limits of groups, ports of bridges and routed cards of a guest that zl made."""
import re

import pytest
from toolstack import KINDS, WORK, Guest, until

# Says to the socket what it reads from stdin, and prints what comes back in two seconds.
TALK = """import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode()); s.settimeout(20)
got = b""
while not got.endswith(b"\\n"):
    got += s.recv(4096)
print(got.decode(), end="")
"""
# In the guest: one line from the channel is answered. Its terminal is reset when nobody has it open.
ANSWER = "(exec 3<> /dev/hvc1; stty raw -echo <&3; read line <&3; echo \"{} $line\" >&3; sleep 1) & sleep 1"


@pytest.fixture
def make(zl):
    made = []

    def one(name, kind, **keys) -> Guest:
        made.append(Guest(zl, name, kind, **keys))
        return made[-1]

    yield one
    for guest in made:
        guest.remove()


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_is_a_socket_here_and_a_console_there(zl, xl, dom0, make, kind):
    path = f"{WORK}/agent.sock"
    guest = make("talker", kind, channel=[f"name=org.example.agent,connection=socket,path={path}",
                                          "name=log,connection=pty"]).create()
    shell = guest.attach()
    rows = {row["name"]: row for row in zl.json("channel-list", "talker")}
    assert rows["org.example.agent"]["frontend_state"] == rows["log"]["frontend_state"] == "connected"
    theirs = dom0.must(["xl", "channel-list", "talker"]).splitlines()[1:]
    assert [line.split()[5] for line in theirs] == ["socket", "pty"]
    assert xl.node(guest.path("device/console/1/name")) == "org.example.agent"
    dom0.put(f"{WORK}/talk.py", TALK)
    shell.must(ANSWER.format("heard"))
    assert dom0.must(["python3", f"{WORK}/talk.py", path, "hello\n"]).strip() == "heard hello"
    dom0.must("systemctl restart toolstackd")  # the ring is taken up again
    shell = guest.attach()
    shell.must(ANSWER.format("again"))
    assert dom0.must(["python3", f"{WORK}/talk.py", path, "hello\n"]).strip() == "again hello"
    reader = dom0.start(f"head -n 1 {zl.json('channel-list', 'talker')[1]['path']}")
    shell.must("(exec 3<> /dev/hvc2; stty raw -echo <&3; echo to-the-terminal >&3; sleep 1)")
    assert reader.collect(60)[1].decode().strip() == "to-the-terminal"
    guest.remove()
    assert dom0.run(["test", "-e", path])[0] == 1


def test_two_disks_share_one_limit(zl, dom0, make):
    """By counts: what a second is under emulation depends on the host."""
    for name in ("one", "two"):
        dom0.must(f"truncate -s 16M {WORK}/{name}.img")
    disks = [f"format=raw,vdev={vdev},access=rw,target={WORK}/{name}.img"
             for vdev, name in (("xvda", "one"), ("xvdb", "two"))]
    guest = make("shares", "pv", disk=disks).create()
    shell = guest.attach()

    def held_back(vdev: str) -> int:
        shell.must(f"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{vdev} of=/dev/null bs=64k count=48 2>/dev/null")
        rows = zl.json("block-list", "--stats", "shares")
        return next(row["limited"] for row in rows if row["name"] == vdev)

    zl("block-limit", "--group", "both", "--bytes", 128 << 10, "--bytes-burst", 4 << 20, "shares", "xvda")
    zl("block-limit", "--group", "both", "shares", "xvdb")
    limits = [disk["limits"] for disk in zl.detail("shares")["config"]["disks"]]
    assert limits[0] == limits[1] and limits[0]["group"] == "both"
    assert held_back("xvda") == 0  # 3 MiB of the 4 that pass at once
    assert held_back("xvdb") > 0  # for it only what the other has left
    guest.remove()
    dom0.must(f"rm {WORK}/one.img {WORK}/two.img")


def test_a_cd_drive_takes_one_medium_after_another(zl, xl, dom0, make):
    for name, size in (("a", 4), ("b", 6)):
        dom0.must(f"head -c {size}M /dev/urandom > {WORK}/{name}.iso")
    guest = make("reads", "pv", disk=["vdev=xvdd,devtype=cdrom"]).create()
    shell = guest.attach()

    def sees(mib: int):
        until(lambda: shell.must("blockdev --getsize64 /dev/xvdd").strip() == str(mib << 20), f"a medium of {mib} MiB")

    sees(0)
    for name, size in (("a", 4), ("b", 6)):
        zl("cd-insert", "reads", "xvdd", f"{WORK}/{name}.iso")
        sees(size)
        want = dom0.must(f"sha256sum < {WORK}/{name}.iso").split()[0]
        assert shell.must("sha256sum < /dev/xvdd").split()[0] == want
        backend = next(row["backend"] for row in xl.disks("reads"))
        assert xl.node(f"{backend}/params") == f"{WORK}/{name}.iso"
    zl("cd-eject", "reads", "xvdd")
    sees(0)
    guest.remove()
    dom0.must(f"rm {WORK}/a.iso {WORK}/b.iso")


def test_a_port_has_the_flags_of_its_card(dom0, make):
    guest = make("alone", "pv", vif=["bridge=xenbr0,isolated,no-learning,no-flood"]).create()
    port = f"/sys/class/net/vif{guest.domid}.0/brport"
    flags = dom0.must(f"cat {port}/isolated {port}/learning {port}/unicast_flood").split()
    assert flags == ["1", "0", "0"]


def test_a_card_leaves_nothing_unfinished_when_told_so(dom0, make, zl, xl):
    """TCP both ways over a card without offloads: what the bridge sees has checksums, what arrives is what was sent."""
    guest = make("plain", "pv", vif=["bridge=xenbr0,no-sg,no-gso,no-csum"]).create()
    shell = guest.attach()
    shell.must("ip address add 10.77.0.9/24 dev eth0; ip link set eth0 up")
    back = f"/local/domain/0/zocalo/backend/znet/{guest.domid}/0"
    assert [xl.node(f"{back}/{key}") for key in ("feature-sg", "feature-gso-tcpv4", "feature-no-csum-offload")] \
        == ["0", "0", "1"]
    watch = dom0.start("exec tcpdump -i xenbr0 -s 0 -U -w /tmp/plain.pcap tcp")
    watch.expect(b"listening", 60)
    dom0.must("head -c 300000 /dev/urandom > /tmp/there")
    listener = dom0.start("busybox nc -l -p 5002 < /tmp/there | sha256sum")
    shell.must("head -c 300000 /dev/urandom > /tmp/here")
    arrived = shell.must("for n in $(seq 50); do nc 10.77.0.1 5002 < /tmp/here > /tmp/back 2> /dev/null && test -s /tmp/back && break;"
                         " sleep 0.2; done; sha256sum < /tmp/back").split()[0]
    assert arrived == dom0.must("sha256sum < /tmp/there").split()[0]
    assert listener.collect(120)[1].decode().split()[0] == shell.must("sha256sum < /tmp/here").split()[0]
    watch.signal(2)
    watch.collect(60)
    packets = dom0.must("tcpdump -v -n -r /tmp/plain.pcap 'src host 10.77.0.9' 2> /dev/null")
    assert "cksum" in packets and "incorrect" not in packets, packets[:3000]
    lengths = [int(length) for length in re.findall(r"length (\d+)\)", packets)]
    assert lengths and max(lengths) <= 1500


def test_a_routed_card_reaches_the_host_by_its_gateway(dom0, make):
    dom0.must("ip link add wan0 type dummy && ip address add 192.0.2.1/24 dev wan0 && ip link set wan0 up")
    try:
        guest = make("routed", "pv", vif=["gatewaydev=wan0,ip=198.51.100.7"]).create()
        shell = guest.attach()
        assert f"198.51.100.7 dev vif{guest.domid}.0" in dom0.must("ip route show")
        shell.must("ip address add 198.51.100.7/32 dev eth0; ip link set eth0 up;"
                   " ip route add 192.0.2.1 dev eth0; ip route add default via 192.0.2.1")
        shell.must("ping -c 2 -W 10 192.0.2.1")
        guest.remove()
        assert "198.51.100.7" not in dom0.must("ip route show")
    finally:
        dom0.must("ip link delete wan0")
