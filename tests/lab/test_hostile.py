# SPDX-License-Identifier: Apache-2.0
"""Our backends with a guest that lies (`liar/`): a lie costs its own device at most, never the process."""
import pytest
from mini_guest import image_digest, make_bridge, mini_guest, new_image, program_disk
from test_backends import LOST, configure, healthy
from toolstack import until

pytestmark = pytest.mark.long
XVDB = 51728
MODULES = ("xen-evtchn", "xen-gntalloc")
CONNECTED = 4
# What a request gets that is wrong in itself: an answer, and the disk goes on.
REFUSED_REQUESTS = {"honest": 0, "operation": -2, "segments": -1, "sector": -1, "grant": -1, "segment": -1}
# What no driver can mean: the device stops.
FATAL_TO_DISK = ("producer", "ring", "port")
FATAL_TO_CARD = ("producer", "rx-producer", "ring", "slots", "offset")


@pytest.fixture(scope="module")
def liar(dom0, tmp_path_factory):
    return program_disk(dom0, tmp_path_factory.mktemp("liar"), "liar", MODULES)


@pytest.fixture(scope="module")
def guest(dom0, deb, liar):
    assert deb is not None, "no package was built: ./dev deb"
    make_bridge(dom0, "10.9.0.1/24", "fd00:9::1/64")
    image = new_image(dom0, "a.img", 64)
    with mini_guest(dom0, [f"format=raw,vdev=xvda,access=rw,target={image}",
                           f"format=raw,vdev=xvdc,access=ro,target={liar}"],
                    ["mac=00:16:3e:5a:00:01,bridge=xenbr0"]) as made:
        configure(made)
        made.wait_device("/dev/xvdc")
        made.must("cd /tmp && busybox tar -xf /dev/xvdc")
        for name in MODULES:
            made.must(f"insmod /tmp/{name}.ko")
        yield made


def tell(guest, kind: str, device: str, lie: str) -> tuple[dict[int, int], int]:
    """Takes the device from its driver, tells the lie: the answers by id, and the backend's state after it."""
    guest.must(f"echo {kind}-{device} > /sys/bus/xen/drivers/{kind}/unbind")
    said = guest.must(f"/tmp/liar {kind} {device} {lie}", 180).splitlines()
    answers = [line.split() for line in said if line.startswith("response ")]
    state = next(int(line.split()[1]) for line in said if line.startswith("backend "))
    return {int(number): int(status) for _, number, status in answers}, state


@pytest.fixture
def same_processes(dom0, guest):
    """The same two backend processes before and after, and everything else of the guest works."""
    before = guest.backend("blk"), guest.backend("net"), dom0.must("systemctl show -P MainPID toolstackd")
    yield
    assert (guest.backend("blk"), guest.backend("net"),
            dom0.must("systemctl show -P MainPID toolstackd")) == before
    healthy(guest)


@pytest.fixture
def victim_disk(dom0, guest):
    image = new_image(dom0, "b.img", 4)
    before = image_digest(dom0, image, 4)
    dom0.must(["zl", "block-attach", "web", f"format=raw,vdev=xvdb,access=ro,target={image}"])
    guest.wait_device("/dev/xvdb")
    yield "51728"
    dom0.must(["zl", "block-detach", "--force", "web", "xvdb"])
    assert guest.state("zblk", XVDB) == ""
    assert image_digest(dom0, image, 4) == before


@pytest.fixture
def victim_card(dom0, guest):
    dom0.must(["zl", "network-attach", "web", "mac=00:16:3e:5a:00:02,bridge=xenbr0"])
    guest.wait_device("/sys/class/net/eth1")
    yield "1"
    dom0.must(["zl", "network-detach", "--force", "web", "1"])
    assert guest.state("znet", 1) == ""


def test_a_request_that_is_wrong_gets_an_error_and_the_disk_goes_on(guest, same_processes, victim_disk):
    got = {lie: tell_again(guest, victim_disk, lie) for lie in (*REFUSED_REQUESTS, "write")}
    wanted = {lie: ({42: status}, CONNECTED) for lie, status in REFUSED_REQUESTS.items()}
    # The disk is read-only.
    assert got == {**wanted, "write": ({42: -1}, CONNECTED)}


def tell_again(guest, device: str, lie: str) -> tuple[dict[int, int], int]:
    """The kernel's driver has let go once; afterwards the liar connects as often as it likes."""
    if guest.must(f"test -e /sys/bus/xen/drivers/vbd/vbd-{device} && echo bound; true") == "bound":
        return tell(guest, "vbd", device, lie)
    said = guest.must(f"/tmp/liar vbd {device} {lie}", 180).splitlines()
    answers = {int(line.split()[1]): int(line.split()[2]) for line in said if line.startswith("response ")}
    return answers, next(int(line.split()[1]) for line in said if line.startswith("backend "))


@pytest.mark.parametrize("lie", FATAL_TO_DISK)
def test_a_ring_that_cannot_be_stops_that_disk_only(guest, same_processes, victim_disk, lie):
    told = len(guest.events(LOST))
    answers, state = tell(guest, "vbd", victim_disk, lie)
    assert answers == {} and state != CONNECTED
    until(lambda: len(guest.events(LOST)) > told, "it is told")


@pytest.mark.parametrize("lie", FATAL_TO_CARD)
def test_a_ring_that_cannot_be_stops_that_card_only(guest, same_processes, victim_card, lie):
    told = len(guest.events(LOST))
    _, state = tell(guest, "vif", victim_card, lie)
    assert state != CONNECTED
    until(lambda: len(guest.events(LOST)) > told, "it is told")


def test_a_grant_that_is_none_costs_the_packet_only(guest, same_processes, victim_card):
    assert tell(guest, "vif", victim_card, "grant") == ({0: -1}, CONNECTED)
