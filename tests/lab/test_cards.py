# SPDX-License-Identifier: Apache-2.0
"""Network cards beyond plain traffic: the guard against spoofing, VLANs, a killed backend, cards that come and go."""
import ipaddress
import re
import struct

import pytest
from mini_guest import make_bridge, mini_guest, program_disk
from test_backends import LOST, new_backend
from toolstack import until

MINE, OTHER, ALL = "00:16:3e:5a:00:02", "00:16:3e:5a:00:99", "ff:ff:ff:ff:ff:ff"
IPV4, IPV6, LINK_LOCAL, ROUTER = "10.9.1.2", "fd00:9:1::2", "fe80::216:3eff:fe5a:2", "fe80::1"
HOST = "10.9.0.1"


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def ip(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def ethernet(kind: int, rest: bytes, source: str = MINE) -> bytes:
    return mac(ALL) + mac(source) + struct.pack(">H", kind) + rest


def arp(sender_mac: str, sender_ip: str) -> bytes:
    return ethernet(0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + mac(sender_mac) + ip(sender_ip)
                    + mac(ALL) + ip(HOST))


def ipv4(source: str, protocol: int, rest: bytes, mac_from: str = MINE) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(rest), 0, 0, 64, protocol, 0)
    return ethernet(0x0800, head + ip(source) + ip("255.255.255.255") + rest, mac_from)


def ipv6(source: str, protocol: int, rest: bytes) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(rest), protocol, 255)
    return ethernet(0x86DD, head + ip(source) + ip("ff02::1") + rest)


def udp(source: int, target: int, rest: bytes) -> bytes:
    return struct.pack(">HHHH", source, target, 8 + len(rest), 0) + rest


def advertisement(target: str) -> bytes:
    """ICMPv6 neighbour advertisement (RFC 4861, 4.4)."""
    return struct.pack(">BBHI", 136, 0, 0, 0x20000000) + ip(target)


def frames(mark) -> dict[str, bytes]:
    """By name; `mark` makes what is looked for on the bridge. `may …` must pass, all else must not."""
    return {
        "may arp": arp(MINE, IPV4) + mark("may arp"),
        "may ipv4": ipv4(IPV4, 17, udp(9, 9, mark("may ipv4"))),
        "may ipv6": ipv6(IPV6, 17, udp(9, 9, mark("may ipv6"))),
        "may link-local": ipv6(LINK_LOCAL, 17, udp(9, 9, mark("may link-local"))),
        "may ask dhcp": ipv4("0.0.0.0", 17, udp(68, 67, mark("may ask dhcp"))),
        "may advertise": ipv6(IPV6, 58, advertisement(IPV6) + mark("may advertise")),
        "other mac": ipv4(IPV4, 17, udp(9, 9, mark("other mac")), OTHER),
        "arp other mac": arp(OTHER, IPV4) + mark("arp other mac"),
        "arp other ip": arp(MINE, HOST) + mark("arp other ip"),
        "other ipv4": ipv4(HOST, 17, udp(9, 9, mark("other ipv4"))),
        "other ipv6": ipv6("fd00:9::1", 17, udp(9, 9, mark("other ipv6"))),
        "dhcp server": ipv4(IPV4, 17, udp(67, 68, mark("dhcp server"))),
        "dhcpv6 server": ipv6(IPV6, 17, udp(547, 546, mark("dhcpv6 server"))),
        "router": ipv6(ROUTER, 58, struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + mark("router")),
        "redirect": ipv6(ROUTER, 58, struct.pack(">BBHI", 137, 0, 0, 0) + 2 * ip(ROUTER) + mark("redirect")),
        "advertise other": ipv6(IPV6, 58, advertisement("fd00:9::1") + mark("advertise other")),
        "tagged": ethernet(0x8100, struct.pack(">HH", 5, 0x0800) + mark("tagged")),
    }


@pytest.fixture(scope="module")
def guest(dom0, deb, tmp_path_factory):
    assert deb is not None, "no package was built: ./dev deb"
    make_bridge(dom0, f"{HOST}/24", "fd00:9::1/64")
    program = program_disk(dom0, tmp_path_factory.mktemp("frames"), "frames")
    with mini_guest(dom0, [f"format=raw,vdev=xvda,access=ro,target={program}"],
                    ["mac=00:16:3e:5a:00:01,bridge=xenbr0"]) as made:
        made.wait_device("/dev/xvda")
        made.must("cd /tmp && busybox tar -xf /dev/xvda")
        made.wait_device("/sys/class/net/eth0")
        made.must("ip link set eth0 up; ip address add 10.9.0.2/24 dev eth0")
        yield made


def plug(guest, *more: str):
    """A second card; sends nothing by itself."""
    guest.dom0.must(["zl", "network-attach", "web", ",".join((f"mac={MINE}", *more))])
    guest.wait_device("/sys/class/net/eth1")


def unplug(guest):
    guest.dom0.must(["zl", "network-detach", "web", "1"])
    assert guest.state("znet", 1) == ""
    # The guest's kernel forgets the card when the nodes are gone, on its own time.
    until(lambda: guest.must("ls /sys/class/net | grep -c eth1; true") == "0", "the guest has no second card")


def seen_on(dom0, guest, link: str) -> set[str]:
    """The names of the frames that arrive there of all that the guest sends by its second card."""
    made = frames(lambda name: f"<{name}>".encode().ljust(40, b"."))
    watch = dom0.start(f"exec tcpdump -i {link} -s 0 -U -w /tmp/seen.pcap")
    watch.expect(b"listening", 60)
    guest.must("echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6; ip link set eth1 up; busybox rm -f /tmp/lines")
    for frame in made.values():
        guest.must(f"echo {frame.hex()} >> /tmp/lines")
    guest.must("/tmp/frames eth1 < /tmp/lines")
    # What comes last on the same way has pushed the others through.
    until(lambda: "<last>" in words(dom0) or again(guest), "the last frame")
    watch.signal(2)
    watch.collect(60)
    return set(re.findall(r"<([a-z0-9 -]+)>", words(dom0))) & set(made)


def words(dom0) -> str:
    return dom0.must("busybox strings -n 4 /tmp/seen.pcap")


def again(guest) -> bool:
    last = ipv4(IPV4, 17, udp(9, 9, b"<last>".ljust(40, b".")))
    guest.must(f"echo {last.hex()} | /tmp/frames eth1")
    return False


def test_without_a_guard_everything_passes(dom0, guest):
    plug(guest, "bridge=xenbr0")
    assert seen_on(dom0, guest, "xenbr0") == set(frames(str.encode))
    unplug(guest)


def test_a_guarded_card_speaks_in_its_own_name_only(dom0, guest):
    plug(guest, "bridge=xenbr0", f"ip={IPV4} {IPV6}")
    assert seen_on(dom0, guest, "xenbr0") == {name for name in frames(str.encode) if name.startswith("may ")}
    unplug(guest)
    left = dom0.must("nft list ruleset bridge")
    assert "vif" not in left, left


def test_a_card_is_in_the_vlans_that_were_asked_for(dom0, guest):
    dom0.must("ip link add vlanbr type bridge forward_delay 0 vlan_filtering 1 && ip link set vlanbr up")
    plug(guest, "bridge=vlanbr", "vlan=10p/20-21")
    port = f"vif{guest.id}.1"
    listed = dom0.must(f"bridge vlan show dev {port}").split(port)[1]
    assert re.findall(r"\d+[^\n]*", listed) == ["10 PVID Egress Untagged", "20", "21"], listed
    unplug(guest)
    dom0.must("ip link delete vlanbr")


def test_a_program_on_the_card_finds_its_headroom(dom0, guest, tmp_path):
    """XDP in the guest: without what the backend leaves free, the program would see no frame where it looks."""
    connected = len(guest.events("device.connected"))
    program = program_disk(dom0, tmp_path, "xdp")
    dom0.must(["zl", "block-attach", "web", f"format=raw,vdev=xvdb,access=ro,target={program}"])
    guest.wait_device("/dev/xvdb")
    guest.must("cd /tmp && busybox tar -xf /dev/xvdb")
    dom0.must(["zl", "block-detach", "web", "xvdb"])
    guest.must("{ /tmp/xdp eth0 > /tmp/said 2>&1 & echo $! > /tmp/pid; }")
    until(lambda: guest.must("cat /tmp/said") == "on", "the program is on the card")
    assert guest.state("znet", 0) == "4"
    answered(guest, "ping -c 5 -s 1400 -W 20 10.9.0.1")
    old = guest.backend("net")
    dom0.must(f"kill -9 {old}")
    new_backend(dom0, guest, "net", old)
    answered(guest, "ping -c 5 -W 20 10.9.0.1")
    guest.must("kill $(cat /tmp/pid)")
    headroom = f"/local/domain/{guest.id}/device/vif/0/xdp-headroom"
    until(lambda: dom0.must(["xenstore-read", headroom]).strip() == "0", "the program is gone")
    answered(guest, "ping -c 5 -s 5000 -W 20 10.9.0.1")
    assert len(guest.events("device.connected")) == connected


def answered(guest, ping: str):
    said = guest.must(f"{ping}; true")
    assert " 0% packet loss" in said, said


@pytest.mark.long
def test_a_connection_goes_on_over_killed_backends(dom0, guest):
    """TCP says again what was lost with the process: what arrives is what was sent."""
    failures = len(guest.events(LOST))
    # Slow enough to last longer than three replacements.
    guest.must("head -c 262144 /dev/urandom > /tmp/out")
    piece = "for i in $(seq 200); do cat /tmp/out || break; {pause} done"
    sent = guest.must(f"{{ {piece.format(pause='')}; }} | sha256sum").split()[0]
    listener = dom0.start("busybox nc -l -p 5001 | tee /tmp/arrived | sha256sum")
    send = f"{{ {piece.format(pause='sleep 0.3;')}; }} | nc {HOST} 5001"
    guest.must(f"{{ for n in $(seq 50); do {send} && break; sleep 0.2; done > /dev/null 2>&1 & }}")
    arrived = 0
    for _ in range(3):
        until(lambda: size(dom0, "/tmp/arrived") > arrived, "data moves")
        pid = guest.backend("net")
        dom0.must(f"kill -9 {pid}")
        new_backend(dom0, guest, "net", pid)
        arrived = size(dom0, "/tmp/arrived")
    assert listener.collect(600)[1].decode().split()[0] == sent
    assert guest.state("znet", 0) == "4"
    assert len(guest.events(LOST)) == failures
    until(lambda: len(guest.events("device.resumed")) >= 3, "three processes took over")


def size(dom0, path: str) -> int:
    return int(dom0.run(["stat", "-c", "%s", path])[1].strip() or 0)


@pytest.mark.long
def test_cards_come_and_go_beside_traffic(dom0, guest):
    guest.must(f"{{ ping -c 100 -i 0.2 {HOST} > /tmp/pings 2>&1 & }}; sleep 1")
    for _ in range(10):
        plug(guest, "bridge=xenbr0")
        unplug(guest)
    until(lambda: guest.must("grep transmitted /tmp/pings; true"), "the last echo")
    pings = guest.must("cat /tmp/pings")
    # ping waits for the last answer hardly longer than for the next echo, which a busy host may need for itself.
    missing = set(range(99)) - {int(number) for number in re.findall(r"seq=(\d+) ttl", pings)}
    assert not missing, pings
    assert guest.must("ls /sys/class/net | grep -c eth") == "1"
