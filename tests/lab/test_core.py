# SPDX-License-Identifier: Apache-2.0
"""dom0 on our own hypervisor: one boot, and what must be true of it."""
import re

import pytest
from toolstack import until

import lab

HYPERVISORS = ("core",)


@pytest.fixture(scope="module")
def dom0(hypervisor):
    """A dom0 with two processors."""
    with lab.boot(hypervisor, cpus=2) as machine:
        yield machine


def test_linux_says_that_it_runs_on_it(dom0):
    """The kernel found a Xen ABI below it, and ours."""
    assert dom0.must("cat /sys/hypervisor/type").strip() == "xen"
    assert dom0.must("cat /sys/hypervisor/version/extra").strip() == "-zocalo"


def test_its_root_is_a_virtio_disk_that_interrupts_by_msix(dom0):
    """Device interrupts reach dom0 as PIRQs."""
    assert "/dev/vda" in dom0.must("findmnt -no SOURCE /")
    lines = [line for line in dom0.must("cat /proc/interrupts").splitlines() if "virtio" in line]
    assert any("xen-pirq" in line and "msi-x" in line for line in lines)


def test_both_processors_run_and_interrupt_each_other(dom0):
    """Further processors start, and IPIs reach their vCPUs."""
    assert dom0.must("nproc").strip() == "2"
    line = re.search(r"(\d+) +(\d+) +xen-percpu +-ipi +callfuncsingle1", dom0.must("cat /proc/interrupts"))
    assert line and int(line[2]) > 0


def test_stock_xl_reads_the_machine_and_its_domains(dom0):
    """The control interface answers what every xl asks first."""
    assert re.search(r"nr_cpus +: 2", dom0.must("xl info"))
    assert re.search(r"Domain-0 +0 +1024 +2 ", dom0.must("xl list"))
    assert len(dom0.must("xl vcpu-list").splitlines()) == 3


def test_time_advances_as_it_should(dom0):
    """The guest's clock follows its timer: a second's sleep is about a second long."""
    before = float(dom0.must("cat /proc/uptime").split()[0])
    dom0.must("sleep 1")
    assert float(dom0.must("cat /proc/uptime").split()[0]) - before >= 1.0


def test_xenstored_answers(dom0):
    """privcmd, event channels and the store's page work."""
    dom0.must("xenstore-write /core/test yes")
    assert dom0.must("xenstore-read /core/test").strip() == "yes"


def test_processes_come_and_go(dom0):
    """Page tables are made, shared by fork, and torn down without losing a page."""
    dom0.must("for i in $(seq 30); do sh -c 'true | cat'; done")
    log = dom0.must("dmesg")
    assert not re.search(r"BUG:|Oops|Bad page", log)


def test_a_failure_of_the_hypervisor_names_the_functions_it_happened_in(dom0):
    """The last one on this machine, which does not come back from it."""
    dom0.start(["xl", "debug-keys", "C"])
    text = until(lambda: dom0.tail(80) if "panic: exception 6" in dom0.tail(80) else "", "the report", 60)
    assert re.search(r"at 0xffff8280\w+ hal::crash\+", text), text
    assert re.search(r"called from 0xffff8280\w+ sysctl::debug_keys\+", text), text
    assert "the machine is stopped" in text
