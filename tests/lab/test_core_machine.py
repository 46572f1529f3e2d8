# SPDX-License-Identifier: Apache-2.0
"""A PC's usual devices under a dom0 on our hypervisor, with message-signalled interrupts and without, and the machine's
power. Each boot has two processors."""
import re
import time

import pytest

import lab
from lab import qemu

MIB = 16
NETWORKS = {"e1000": "10.0.3", "virtio-net-pci": "10.0.4"}

pytestmark = pytest.mark.unproven


@pytest.fixture(scope="module", params=["", "pci=nomsi"], ids=["msi", "nomsi"])
def dom0(request, tmp_path_factory):
    if qemu.core_image() is None:
        pytest.skip("zocalo-core is not built: ./dev build release makes it")
    disk = tmp_path_factory.mktemp("disk") / "sata.img"
    disk.write_bytes(bytes(range(256)) * (MIB << 12))
    devices = ["-device", "ich9-ahci,id=ahci", "-drive", f"if=none,id=sata,file={disk},format=raw,cache=unsafe",
               "-device", "ide-hd,drive=sata,bus=ahci.0"]
    for number, (model, network) in enumerate(NETWORKS.items()):
        devices += ["-netdev", f"user,id=net{number},restrict=on,net={network}.0/24",
                    "-device", f"{model},netdev=net{number}"]
    with lab.boot("core", cpus=2, kernel_args=request.param, devices=tuple(devices)) as machine:
        machine.msi = request.param == ""
        machine.must("modprobe ahci; modprobe sd_mod; modprobe e1000; modprobe virtio_net; udevadm settle || true")
        yield machine


def interrupts(dom0, name: str) -> tuple[int, list[str]]:
    """How many of those whose line ends like `name`, and their lines."""
    lines = [line for line in dom0.must("cat /proc/interrupts").splitlines() if re.search(name, line)]
    return sum(int(word) for line in lines for word in line.split()[1:3]), lines


def check_kind(dom0, lines: list[str]):
    wanted = "msi" if dom0.msi else "-ioapic"
    assert lines and all(wanted in line for line in lines), lines


def test_an_ahci_disk_is_read_and_written(dom0):
    """Its contents arrive, and its interrupts come as they should."""
    dom0.must("for i in $(seq 100); do test -b /dev/sda && break; sleep 0.1; done; test -b /dev/sda")
    before, _ = interrupts(dom0, r"ahci")
    digest = dom0.must(f"dd if=/dev/sda bs=1M count={MIB} iflag=direct 2>/dev/null | md5sum").split()[0]
    assert digest == dom0.must(
        f"python3 -c 'import hashlib; print(hashlib.md5(bytes(range(256)) * ({MIB} << 12)).hexdigest())'").strip()
    dom0.must("head -c 1M /dev/zero | dd of=/dev/sda bs=1M oflag=direct 2>/dev/null; sync")
    assert dom0.must("head -c 1M /dev/sda | tr -d '\\0' | wc -c").strip() == "0"
    after, lines = interrupts(dom0, r"ahci")
    assert after > before
    check_kind(dom0, lines)


@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_card_reaches_its_router(dom0, model):
    network = NETWORKS[model]
    driver = {"e1000": "e1000", "virtio-net-pci": "virtio_net"}[model]
    card = dom0.must(f"for n in /sys/class/net/*; do case $(readlink $n/device/driver) in */{driver}) basename $n;; "
                     "esac; done").split()[0]
    dom0.must(f"ip address add {network}.15/24 dev {card} && ip link set {card} up")
    # QEMU answers ARP for its router, and a refused connection is an answer as well.
    dom0.must(f"for i in $(seq 100); do ip neigh show dev {card} | grep -q {network}.2.*lladdr && exit 0; "
              f"timeout 1 bash -c 'echo > /dev/tcp/{network}.2/9' 2>/dev/null; sleep 0.1; done; exit 1")
    name = f"{card}$" if model == "e1000" else r"virtio\d+-(input|output)|virtio\d+$"
    count, lines = interrupts(dom0, name)
    assert count > 0
    if model == "e1000":  # has no message-signalled interrupts
        assert all("-ioapic" in line for line in lines)
    else:
        check_kind(dom0, lines)


def test_two_processors_run(dom0):
    assert dom0.must("nproc").strip() == "2"


def test_reboot_starts_the_machine_again(dom0):
    """Not only dom0: the hypervisor says hello a second time."""
    if not dom0.msi:
        pytest.skip("once is enough")
    serial = dom0.folder / "serial.log"
    hellos = serial.read_text(errors="replace").count("zocalo hypervisor-core")
    dom0.restart("echo b > /proc/sysrq-trigger")
    assert serial.read_text(errors="replace").count("zocalo hypervisor-core") == hellos + 1
    assert dom0.must("nproc").strip() == "2"


def test_poweroff_switches_the_machine_off(dom0):
    """The last test of each machine: QEMU ends by itself."""
    dom0.start("systemctl poweroff --force --force || poweroff -f")
    end = time.monotonic() + 120
    while not dom0.ended():
        assert time.monotonic() < end, "the machine still runs"
        time.sleep(0.2)
