# SPDX-License-Identifier: Apache-2.0
"""PVH guests with two vCPUs, made by zl and by stock xl: both work, and both see the same processors."""
import pytest
from conftest import GUESTS

from lab.guest_shell import GuestShell
NEEDS_PVH = True
CONFIG = """
name = "{tool}"
type = "pvh"
kernel = "{guests}/vmlinux"
ramdisk = "{guests}/mini-initrd.img"
cmdline = "console=hvc0"
memory = 128
vcpus = 2
disk = [ "format=raw, vdev=xvda, access=rw, target=/var/lib/zocalo-lab/{tool}.img" ]
vif = [ "bridge=xenbr0" ]
"""
BOOT_LIMIT_S = 400
LIMIT_S = 120
# What Linux made of CPUID, the APIC ids and the MADT; frequencies differ from moment to moment.
PROCESSORS = "sed -n -e '/^bogomips/d' -e '/^cpu MHz/d' -e p /proc/cpuinfo; cat /sys/devices/system/cpu/online"


@pytest.fixture(scope="module")
def bridge(dom0):
    dom0.must("ip link add xenbr0 type bridge forward_delay 0 && ip address add 10.77.0.1/24 dev xenbr0"
              " && ip link set xenbr0 up")
    yield
    dom0.must("ip link delete xenbr0")


@pytest.fixture(scope="module")
def processors(dom0, bridge):
    """What the guest of each tool said about its processors; making them is part of the tests."""
    seen = {}

    def ask(tool: str) -> str:
        if tool not in seen:
            seen[tool] = run_guest(dom0, tool)
        return seen[tool]
    return ask


def run_guest(dom0, tool: str) -> str:
    dom0.must(f"head -c 4M /dev/urandom > /var/lib/zocalo-lab/{tool}.img")
    dom0.put(f"/tmp/{tool}.cfg", CONFIG.format(tool=tool, guests=GUESTS))
    dom0.must([tool, "create", f"/tmp/{tool}.cfg"], LIMIT_S)
    try:
        guest = GuestShell(dom0, [tool, "console", tool])
        guest.expect("zocalo-mini: ready", BOOT_LIMIT_S)
        guest.expect("mini#", LIMIT_S)
        inside = guest.must("for i in $(seq 100); do test -b /dev/xvda && break; sleep 0.2; done;"
                            " sha256sum < /dev/xvda", LIMIT_S)
        assert inside.split()[0] == dom0.must(f"sha256sum < /var/lib/zocalo-lab/{tool}.img").split()[0]
        guest.must("ip address add 10.77.0.2/24 dev eth0 && ip link set eth0 up && ping -c 2 -W 10 10.77.0.1",
                   LIMIT_S)
        processors = guest.must(PROCESSORS)
        guest.close()
        return processors
    finally:
        dom0.must([tool, "destroy", tool], LIMIT_S)


@pytest.mark.parametrize("tool", ["zl", "xl"])
def test_a_pvh_guest_runs_on_two_vcpus_with_disk_and_network(processors, tool):
    said = processors(tool)
    assert said.count("\nprocessor\t") + said.startswith("processor\t") == 2
    assert said.endswith("0-1")


def test_it_sees_the_same_processors_as_with_xl(processors):
    assert processors("zl") == processors("xl")
