# SPDX-License-Identifier: Apache-2.0
"""Hashes that a guest asks for over the control ring (`hasher/`), from our backend and, as the oracle, from Linux's."""
import contextlib
import ipaddress
import time
from pathlib import Path

import pytest
from mini_guest import make_bridge, mini_guest, program_disk
from test_backends import new_backend
from toolstack import MINI, WORK, config_text, until

from lab.guest_shell import GuestShell

HERE = Path(__file__).resolve().parent
MODULES = ("xen-evtchn", "xen-gntalloc")
MAC = "00:16:3e:5a:00:07"
TARGETS = {4: "10.9.0.77", 6: "fd00:9::77"}
SOURCES = {4: ["10.9.0.1", "10.9.0.21", "10.9.0.22", "10.9.0.23"], 6: ["fd00:9::1", "fd00:9::21", "fd00:9::22"]}
UDP_PORT, TCP_PORT, FIRST_PORT = 9, 80, 40000
KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
TABLE = (0, 1, 0, 1, 1, 0, 0, 1)
IPV4, IPV4_TCP, IPV6, IPV6_TCP = range(4)
# Type, status (0: success, 1: not supported, 2: invalid, 3: too much) and data of each answer, as netif.h has them.
ANSWERS = [(7, 0, 0), (1, 0, 15), (2, 0, 0), (3, 0, 0), (5, 0, 0), (4, 0, 128), (6, 0, 0), (6, 2, 0), (7, 2, 0)]
SEND = f"""
import socket, sys
for family, sources, target in {[(4, SOURCES[4], TARGETS[4]), (6, SOURCES[6], TARGETS[6])]}:
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    for source in sources:
        with socket.socket(kind, socket.SOCK_DGRAM) as sender:
            sender.bind((source, {FIRST_PORT}))
            sender.sendto(b"hashed", (target, {UDP_PORT}))
        for port in ({FIRST_PORT}, {FIRST_PORT} + 1):
            with socket.socket(kind, socket.SOCK_STREAM) as sender:
                sender.setblocking(False)
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sender.bind((source, port))
                sender.connect_ex((target, {TCP_PORT}))
"""


def toeplitz(data: bytes) -> int:
    """As Microsoft defines it: the key, shifted by each set bit's place, summed without carry."""
    key, bits, result = int.from_bytes(KEY, "big"), 8 * len(data), 0
    for place in range(bits):
        if int.from_bytes(data, "big") >> (bits - 1 - place) & 1:
            result ^= key >> (8 * len(KEY) - 32 - place) & 0xffffffff
    return result


def expected(queues: int) -> set[tuple[int, int, str, str]]:
    """Queue, type, hash and flow of each frame that SEND sends."""
    flows = [(kind + with_ports, ipaddress.ip_address(source).packed + ipaddress.ip_address(TARGETS[family]).packed + ports)
             for family, kind in ((4, IPV4), (6, IPV6)) for source in SOURCES[family]
             for with_ports, ports in [(0, b"")] + [(1, (FIRST_PORT + i).to_bytes(2, "big") + TCP_PORT.to_bytes(2, "big"))
                                                    for i in (0, 1)]]
    return {(TABLE[toeplitz(flow) % len(TABLE)] % queues, kind, f"{toeplitz(flow):08x}", flow.hex()) for kind, flow in flows}


def test_the_arithmetic_is_that_of_the_published_examples():
    assert toeplitz(bytes([66, 9, 149, 187, 161, 142, 100, 80])) == 0x323e8fc2
    assert toeplitz(bytes([66, 9, 149, 187, 161, 142, 100, 80]) + (2794).to_bytes(2, "big") + (1766).to_bytes(2, "big")) \
        == 0x51ccc178
    assert {queue for queue, *_ in expected(2)} == {0, 1} and {kind for _, kind, *_ in expected(2)} == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def program(dom0, deb, tmp_path_factory):
    assert deb is not None, "no package was built: ./dev deb"
    addresses = [f"{address}/24" for address in SOURCES[4]] + [f"{address}/64" for address in SOURCES[6]]
    make_bridge(dom0, *addresses)
    return program_disk(dom0, tmp_path_factory.mktemp("hasher"), "hasher", MODULES)


class StockGuest:
    """Of stock xl: its card is Linux's own backend's."""

    def __init__(self, dom0, program: str):
        self.dom0 = dom0
        for script in ("block-quick", "vif-quick"):
            dom0.put(f"/etc/xen/scripts/{script}", (HERE / "dom0" / script).read_text(), 0o755)
        dom0.put(f"{WORK}/stock.cfg", config_text({
            "name": "stock", "type": "pv", "vcpus": 2, **MINI, "disk": [f"format=raw,vdev=xvdc,access=ro,script=block-quick,target={program}"],
            "vif": [f"mac={MAC},bridge=xenbr0,script=vif-quick"]}))
        dom0.must("modprobe xen-netback && echo 2 > /sys/module/xen_netback/parameters/max_queues")
        dom0.must(["xl", "create", f"{WORK}/stock.cfg"])
        self.shell = GuestShell(dom0, ["xl", "console", "stock"])
        self.shell.expect("zocalo-mini: ready", 300)
        self.shell.send("\n")
        self.shell.expect("mini# ", 60)

    def must(self, command: str, within: float = 120) -> str:
        return self.shell.must(command, within)

    def remove(self):
        self.shell.close()
        self.dom0.must(["xl", "destroy", "stock"])
        self.dom0.must(f"rm {WORK}/stock.cfg /etc/xen/scripts/block-quick /etc/xen/scripts/vif-quick")


@contextlib.contextmanager
def made_by(dom0, program: str, who: str):
    if who == "linux":
        guest = StockGuest(dom0, program)
        yield guest
        guest.remove()
    else:
        with mini_guest(dom0, [f"format=raw,vdev=xvdc,access=ro,target={program}"], [f"mac={MAC},bridge=xenbr0"]) as guest:
            yield guest


def start(guest, frames: int):
    """The hasher in the guest's card, once it is ready."""
    guest.must("for i in $(seq 100); do test -e /dev/xvdc && break; sleep 0.1; done; cd /tmp && busybox tar -xf /dev/xvdc")
    for name in MODULES:
        guest.must(f"insmod /tmp/{name}.ko")
    guest.must("echo vif-0 > /sys/bus/xen/drivers/vif/unbind")
    guest.must(f"(/tmp/hasher 0 {frames} > /tmp/said 2>&1 & echo $! > /tmp/pid)")
    until(lambda: "ready" in guest.must("cat /tmp/said"), "the card is set up", 60)


def hashes(said: list[str]) -> list[tuple[int, int, str, str]]:
    rows = [line.split()[1:] for line in said if line.startswith("frame ")]
    return [(int(queue), int(kind), value, flow) for queue, kind, value, flow in rows
            if any(ipaddress.ip_address(address).packed.hex() in flow for address in TARGETS.values())]


@pytest.mark.parametrize("who", ["ours", pytest.param("linux", marks=pytest.mark.long)])
def test_frames_are_hashed_and_spread_as_the_guest_asks(dom0, program, who):
    with made_by(dom0, program, who) as guest:
        start(guest, 500)
        said = guest.must("cat /tmp/said").splitlines()
        assert [tuple(map(int, line.split()[1:])) for line in said if line.startswith("control ")] == ANSWERS
        wanted = expected(int(next(line.split()[1] for line in said if line.startswith("queues "))))

        def all_come(lines: int):
            """Each flow with its hash on its queue, in what the program says after so many lines."""
            for address in TARGETS.values():  # nobody answers for it; a bridge that lost its last port forgets
                dom0.must(f"ip neighbour replace {address} lladdr {MAC} dev xenbr0 nud permanent")
            dom0.must(["python3", "-c", SEND])
            came: set = set()
            end = time.monotonic() + 30
            while not came >= wanted and time.monotonic() < end:
                came = set(hashes(guest.must("cat /tmp/said").splitlines()[lines:]))
            assert came == wanted, guest.must("tail -n 30 /tmp/said")

        all_come(0)
        if who == "ours":
            old = guest.backend("net")
            dom0.must(f"kill -9 {old}")
            new_backend(dom0, guest, "net", old)
            lines = len(guest.must("cat /tmp/said").splitlines())
            all_come(lines)  # the next process goes on as it was told
        guest.must("kill $(cat /tmp/pid)")
