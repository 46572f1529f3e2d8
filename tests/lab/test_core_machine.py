# SPDX-License-Identifier: Apache-2.0
"""A PC's usual devices under a dom0 on our hypervisor, with message-signalled interrupts and without; two processors; the
machine's power; and the CD of ./dev iso. pc_devices.py is what runs in dom0."""
import hashlib
import re
import shutil

import pc_devices
import pytest

from lab import bare, iso, qemu

LIMIT_S = 400

@pytest.fixture(scope="module")
def initrd(deb) -> bytes:
    if qemu.core_image() is None:
        pytest.skip("zocalo-core is not built: ./dev build release makes it")
    return pc_devices.initrd()


def boot(initrd: bytes, disk, kernel_args: str, until="(never)", hypervisor_args: str = "", machine=()) -> str:
    options = qemu.Options(hypervisor="core", cpus=2, memory_mib=1536, kernel_args=kernel_args,
                           hypervisor_args=hypervisor_args, devices=(*pc_devices.devices(disk), *machine))
    return bare.run(options, initrd, until, LIMIT_S)


@pytest.fixture(scope="module", params=["msi", "nomsi"])
def said(request, initrd, tmp_path_factory) -> tuple[bool, str]:
    """What dom0 said until it switched the machine off, which is what ends the wait. The older machine has no HPET."""
    msi = request.param == "msi"
    disk = tmp_path_factory.mktemp("disk") / "sata.img"
    return msi, boot(initrd, disk, "") if msi else boot(initrd, disk, "pci=nomsi", machine=("-machine", "hpet=off"))


def interrupts(text: str, name: str) -> list[tuple[int, str]]:
    """(how many, what kind) for each line of /proc/interrupts of which a device, or one that shares it, is like `name`."""
    lines = [line.split()[3:] for line in text.splitlines() if line.startswith("pc interrupt")]
    return [(int(words[0]) + int(words[1]), " ".join(words[2:])) for words in lines
            if len(words) > 4 and words[0].isdigit() and words[1].isdigit()
            and any(re.search(name, word.rstrip(",")) for word in words[4:])]


def test_two_processors_run(said):
    assert "pc processors 2" in said[1], said[1][-3000:]


def test_clocks_are_measured_with_the_best_one_there_is(said):
    msi, text = said
    assert f"(zocalo) measured with the {'HPET' if msi else 'PIT'}" in text, text[:2000]


def test_an_ahci_disk_is_read_and_written(said):
    msi, text = said
    assert f"pc read {hashlib.md5(pc_devices.CONTENT).hexdigest()}" in text, text[-3000:]
    assert f"pc written {hashlib.md5(bytes(1 << 20)).hexdigest()}" in text
    found = interrupts(text, r"ahci")
    assert sum(count for count, _ in found) > 0
    assert all(("msi" in kind) == msi for _, kind in found), found


@pytest.mark.parametrize("card", pc_devices.NETWORKS)
def test_a_network_card_reaches_its_router(said, card):
    msi, text = said
    assert f"pc answer {card}" in text, text[-3000:]
    if card == "eth0":  # the e1000 has no message-signalled interrupts
        found, msi = interrupts(text, r"eth0$"), False
    else:
        found = interrupts(text, r"^virtio\d+(-(input|output)\.0)?$")
    assert sum(count for count, _ in found) > 0, text[-3000:]
    assert all(("msi" in kind) == msi for _, kind in found), found


def test_poweroff_switches_the_machine_off(said):
    """bare.run came back because QEMU ended."""
    assert said[1].rstrip().splitlines()[-1] != "" and "pc end" in said[1]


def test_reboot_starts_the_machine_again(initrd, tmp_path):
    """Not only dom0: the hypervisor says hello a second time."""
    text = boot(initrd, tmp_path / "sata.img", "pc.end=reboot", lambda text: text.count("zocalo hypervisor-core") == 2)
    assert text.count("zocalo hypervisor-core") == 2


@pytest.mark.parametrize("stays", [True, False])
def test_a_crash_of_dom0_starts_the_machine_again_unless_it_is_to_stay(initrd, tmp_path, stays):
    hello, end = "zocalo hypervisor-core", "the machine is stopped"
    text = boot(initrd, tmp_path / "sata.img", "pc.end=crash",
                lambda text: end in text or text.count(hello) == 2, f"noreboot={int(stays)}")
    assert "dom0 is gone" in text, text[-3000:]
    assert (end in text, text.count(hello)) == ((True, 1) if stays else (False, 2))


def test_the_cd_boots_dom0_by_grub_and_multiboot_2(initrd, tmp_path):
    if shutil.which("grub-mkrescue") is None:
        pytest.skip("grub-mkrescue is missing: ./dev iso installs it")
    options = qemu.Options(hypervisor="core", cpus=2, memory_mib=1536)
    iso.build(tmp_path / "zocalo.iso", options)
    text = bare.run(qemu.Options(hypervisor="core", cpus=2, memory_mib=1536, iso=tmp_path / "zocalo.iso"), b"",
                    "Run /init as init process", LIMIT_S)
    assert "2 processors run" in text
    assert "unknown option" not in text
