# SPDX-License-Identifier: Apache-2.0
"""Stock xl with the kernel's backends on our own hypervisor: one boot, one guest with four vCPUs, each verb once.

The same file runs on Xen with `--hypervisor xen`: whatever it asks for is what Xen answers.
"""
import re
from pathlib import Path

import pytest
from conftest import GUESTS
from toolstack import Xl, config_text, until

import lab
from lab.guest_shell import GuestShell

HYPERVISORS = ("core",)
WORK = "/var/lib/zocalo-lab/xl"
CPUS = 2
BOOT_LIMIT_S = 400
LIMIT_S = 120
CONFIG = {"type": "pv", "kernel": f"{GUESTS}/vmlinux", "ramdisk": f"{GUESTS}/mini-initrd.img",
          "cmdline": "console=hvc0 quiet mitigations=off", "memory": 128, "maxmem": 160, "vcpus": 4,
          "disk": [f"format=raw,vdev=xvda,access=rw,script=block-quick,target={WORK}/a.img"],
          "vif": ["bridge=xenbr0,script=vif-quick"]}
SCRIPTS = Path(__file__).with_name("dom0")
# Whatever is given back a moment after a domain is gone is given back within this time.
SETTLE_S = 30


@pytest.fixture(scope="module")
def dom0(hypervisor):
    """A dom0 with two processors, which the guest's four vCPUs share; a bridge, files for disks, no package."""
    with lab.boot(hypervisor, cpus=CPUS) as machine:
        machine.must(f"mkdir -p {WORK} && head -c 4M /dev/urandom > {WORK}/a.img && truncate -s 4M {WORK}/b.img"
                     " && ip link add xenbr0 type bridge forward_delay 0"
                     " && ip address add 10.77.0.1/24 dev xenbr0 && ip link set xenbr0 up")
        for name in ("block-quick", "vif-quick"):
            machine.put(f"/etc/xen/scripts/{name}", (SCRIPTS / name).read_bytes(), 0o755)
        yield machine


@pytest.fixture(scope="module")
def xl(dom0) -> Xl:
    return Xl(dom0)


def free_mib(dom0) -> int:
    return int(dom0.must("xl info free_memory"))


def all_free_again(dom0, before: int):
    """Of Xen, a few pages stay for what it has seen once; of the core, none."""
    until(lambda: free_mib(dom0) >= before - 1, f"{before} MiB are free again", SETTLE_S)


class XlGuest:
    """A domain of stock xl with its console."""

    def __init__(self, dom0, name: str, **keys):
        self.dom0, self.name, self.shell = dom0, name, None
        dom0.put(f"{WORK}/{name}.cfg", config_text({"name": name, **CONFIG, **keys}))

    def create(self):
        self.dom0.must(["xl", "create", "-p", f"{WORK}/{self.name}.cfg"], LIMIT_S)
        self.attach()
        self.dom0.must(["xl", "unpause", self.name])
        return self.ready()

    def attach(self):
        self.shell = GuestShell(self.dom0, ["xl", "console", self.name])

    def ready(self):
        self.shell.expect("zocalo-mini: ready", BOOT_LIMIT_S)
        self.shell.send("\n")
        self.shell.expect("mini# ", LIMIT_S)
        return self

    def must(self, line: str) -> str:
        return self.shell.must(line, LIMIT_S)

    def has(self, node: str, there: bool = True):
        test = f"test -e {node}" if there else f"! test -e {node}"
        self.must(f"for i in $(seq 150); do {test} && break; sleep 0.2; done; {test}")

    def reaches_dom0(self):
        """By its card, which has an address from then on."""
        self.has("/sys/class/net/eth0")
        self.must("ip address show dev eth0 | grep -q 10.77.0.2 || ip address add 10.77.0.2/24 dev eth0"
                  "; ip link set eth0 up && ping -c 3 -W 10 10.77.0.1")

    def gone(self):
        until(lambda: self.name not in Xl(self.dom0).domains(), f"{self.name} is gone", LIMIT_S)
        if self.shell is not None:
            self.shell.close()

    def remove(self):
        self.dom0.run(["xl", "destroy", self.name])
        self.gone()


@pytest.fixture(scope="module")
def guest(dom0):
    """Made by the first test that asks for it; all of its memory comes back at the end."""
    before = free_mib(dom0)
    web = XlGuest(dom0, "web")
    yield web.create()
    web.remove()
    all_free_again(dom0, before)


def test_create_and_destroy_lose_no_memory(dom0):
    """Twice, since the first one may leave something that is kept for the next."""
    for _ in range(2):
        before = free_mib(dom0)
        small = XlGuest(dom0, "small", vcpus=1, disk=[], vif=[])
        try:
            small.create()
        finally:
            small.remove()
        all_free_again(dom0, before)


def test_features_of_the_processor_can_be_kept_from_a_guest(dom0):
    small = XlGuest(dom0, "small", vcpus=1, disk=[], vif=[], cpuid="host,aesni=0")
    try:
        flags = small.create().must("grep ^flags /proc/cpuinfo").split()
    finally:
        small.remove()
    assert "aes" not in flags
    assert {"sse2", "pclmulqdq"} <= set(flags) <= set(dom0.must("grep ^flags /proc/cpuinfo").split()) | {"nopl"}


def test_ports_can_be_given_to_a_guest(dom0):
    """Register A of the real-time clock says 26 on a PC; a port that is not the guest's reads as ff."""
    small = XlGuest(dom0, "small", vcpus=1, disk=[], vif=[], ioports=["70-71"])
    try:
        small.create().must("printf '\\n' | dd of=/dev/port bs=1 seek=112 conv=notrunc")
        clock = small.must("dd if=/dev/port bs=1 skip=113 count=1 2>/dev/null | od -An -tx1").strip()
        other = small.must("dd if=/dev/port bs=1 skip=96 count=1 2>/dev/null | od -An -tx1").strip()
    finally:
        small.remove()
    assert (clock, other) in (("26", "ff"), ("a6", "ff"))


def test_it_is_listed_with_its_vcpus(guest, xl):
    row = xl.domains()["web"]
    assert (row["vcpus"], row["state"][2]) == (4, "-")
    assert 120 <= row["mem"] <= 128
    assert [(vcpu["id"], vcpu["online"]) for vcpu in xl.vcpus("web")] == [(i, True) for i in range(4)]
    assert guest.must("cat /sys/devices/system/cpu/online") == "0-3"


def test_its_disk_holds_what_dom0_sees(guest, dom0):
    guest.has("/dev/xvda")
    assert guest.must("sha256sum < /dev/xvda").split()[0] == dom0.must(f"sha256sum < {WORK}/a.img").split()[0]
    guest.must("dd if=/dev/urandom of=/dev/xvda bs=64k count=16 && sync && echo 3 > /proc/sys/vm/drop_caches")
    inside = guest.must("sha256sum < /dev/xvda").split()[0]
    assert inside == dom0.must(f"sync; sha256sum < {WORK}/a.img").split()[0]


def test_its_card_reaches_dom0_both_ways(guest, dom0):
    guest.reaches_dom0()
    server = dom0.start("head -c 2M /dev/zero | busybox nc -l -p 7000")
    server.end_input()
    assert guest.must("sleep 1; nc 10.77.0.1 7000 | wc -c").split()[-1] == str(2 << 20)


def test_pause_and_unpause(guest, dom0, xl):
    dom0.must("xl pause web")
    assert xl.domains()["web"]["state"][2] == "p"
    time = xl.domains()["web"]["time"]
    dom0.must("sleep 1")
    assert xl.domains()["web"]["time"] == time
    dom0.must("xl unpause web")
    assert xl.domains()["web"]["state"][2] == "-"
    assert guest.must("echo $((6*7))") == "42"


def test_the_balloon_goes_down_and_up(guest, dom0, xl):
    before = free_mib(dom0)
    for size in (96, 160):
        dom0.must(f"xl mem-set web {size}")
        until(lambda size=size: abs(xl.domains()["web"]["mem"] - size) <= 1, f"the guest has {size} MiB")
        until(lambda size=size: abs(before - free_mib(dom0) - (size - 128)) <= 2, "dom0 has the rest")
    # What came back is of use.
    guest.must("dd if=/dev/zero of=/tmp/fill bs=1M count=24 && rm /tmp/fill")
    dom0.must("xl mem-set web 128")
    until(lambda: abs(xl.domains()["web"]["mem"] - 128) <= 1, "the guest has 128 MiB again")


def test_vcpus_go_and_come_back(guest, dom0, xl):
    for count, online in ((1, "0"), (4, "0-3")):
        dom0.must(f"xl vcpu-set --ignore-host web {count}")
        if count == 4:  # the kernel only makes them present; switching them on is udev's elsewhere
            guest.has("/sys/devices/system/cpu/cpu3/online")
            guest.must("for n in 1 2 3; do echo 1 > /sys/devices/system/cpu/cpu$n/online; done")
        until(lambda online=online: guest.must("cat /sys/devices/system/cpu/online") == online, f"CPUs {online}")
        until(lambda count=count: sum(vcpu["online"] for vcpu in xl.vcpus("web")) == count, "xl sees it")


def test_a_vcpu_is_pinned(guest, dom0, xl):
    """To each processor there is, where it then runs, and to none that is not."""
    for cpu in range(CPUS):
        dom0.must(f"xl vcpu-pin web 1 {cpu}")
        assert xl.vcpus("web")[1]["hard"] == str(cpu)
        assert guest.must("busybox taskset 2 sh -c 'for i in $(seq 1000); do true; done; echo $((6*7))'") == "42"
        assert xl.vcpus("web")[1]["cpu"] in (str(cpu), "-")
    assert dom0.run("xl vcpu-pin web 1 7")[0] != 0
    dom0.must("xl vcpu-pin web 1 all")
    assert xl.vcpus("web")[1]["hard"] == "all"


def test_weight_and_cap(guest, dom0, xl):
    assert xl.weight("web") == (256, 0)
    dom0.must("xl sched-credit2 -d web -w 512 -c 50")
    assert xl.weight("web") == (512, 50)
    dom0.must("xl sched-credit2 -d web -w 256 -c 0")
    assert guest.must("echo $((6*7))") == "42"


def test_a_disk_comes_and_goes(guest, dom0, xl):
    dom0.must(f"xl block-attach web format=raw,vdev=xvdb,access=rw,script=block-quick,target={WORK}/b.img", LIMIT_S)
    guest.has("/dev/xvdb")
    assert [disk["devid"] for disk in xl.disks("web")] == [51712, 51728]
    guest.must("printf zocalo | dd of=/dev/xvdb bs=512 conv=sync && sync")
    assert dom0.must(f"sync; head -c 6 {WORK}/b.img") == "zocalo"
    dom0.must("xl block-detach web xvdb", LIMIT_S)
    guest.has("/dev/xvdb", there=False)
    assert [disk["devid"] for disk in xl.disks("web")] == [51712]


def test_a_card_comes_and_goes(guest, dom0, xl):
    dom0.must("xl network-attach web bridge=xenbr0 script=vif-quick mac=00:16:3e:00:00:77", LIMIT_S)
    guest.has("/sys/class/net/eth1")
    assert guest.must("cat /sys/class/net/eth1/address") == "00:16:3e:00:00:77"
    assert [nic["mac"] for nic in xl.nics("web")][1] == "00:16:3e:00:00:77"
    dom0.must("xl network-detach web 1", LIMIT_S)
    guest.has("/sys/class/net/eth1", there=False)
    assert len(xl.nics("web")) == 1


def test_save_and_restore(guest, dom0, xl):
    """Memory, processes, time, disk and card of the guest go on in a new domain."""
    guest.reaches_dom0()
    guest.must("echo kept > /tmp/mark; (while :; do cat /proc/uptime > /tmp/alive; sleep 1; done) & true")
    before = float(guest.must("cut -d' ' -f1 /proc/uptime"))
    old = xl.domains()["web"]["id"]
    dom0.must(f"xl save web {WORK}/web.save", 300)
    guest.gone()
    dom0.must(f"xl restore -p {WORK}/web.save", 300)
    guest.attach()
    dom0.must(["xl", "unpause", "web"])
    guest.shell.send("\n")
    guest.shell.expect("mini# ", BOOT_LIMIT_S)
    assert xl.domains()["web"]["id"] != old
    assert guest.must("cat /tmp/mark") == "kept"
    assert float(guest.must("cut -d' ' -f1 /proc/uptime")) > before
    assert guest.must("cat /sys/devices/system/cpu/online") == "0-3"
    guest.must("rm /tmp/alive; for i in $(seq 150); do test -s /tmp/alive && break; sleep 0.2; done; test -s /tmp/alive")
    inside = guest.must("echo 3 > /proc/sys/vm/drop_caches; sha256sum < /dev/xvda").split()[0]
    assert inside == dom0.must(f"sha256sum < {WORK}/a.img").split()[0]
    guest.must("ping -c 3 -W 10 10.77.0.1")
    dom0.must(f"rm {WORK}/web.save")


def test_reboot(guest, dom0, xl):
    """Before the next test: xl's process that watches the domain, and makes it anew, ends with any suspend."""
    old = xl.domains()["web"]["id"]
    guest.must("echo old > /tmp/mark")
    dom0.must("xl reboot web")
    until(lambda: xl.domains().get("web", {"id": old})["id"] != old, "a new domain of that name", LIMIT_S)
    console = f"/local/domain/{xl.domains()['web']['id']}/console/tty"
    until(lambda: xl.node(console), "its console", LIMIT_S)
    guest.shell.close()
    guest.attach()
    guest.ready()
    assert guest.must("test -e /tmp/mark || echo new") == "new"


def test_a_save_that_lets_the_guest_go_on(guest, dom0, xl):
    """The suspend is taken back: the same domain resumes where it was."""
    old = xl.domains()["web"]["id"]
    guest.reaches_dom0()
    guest.must("echo kept > /tmp/mark")
    dom0.must(f"xl save -c web {WORK}/web.save && rm {WORK}/web.save", 300)
    assert xl.domains()["web"]["id"] == old
    assert guest.must("cat /tmp/mark") == "kept"
    guest.must("ping -c 3 -W 10 10.77.0.1 && sha256sum < /dev/xvda")


def test_info_uptime_dmesg_and_debug_keys(guest, dom0):
    info = dom0.must("xl info")
    for key, value in (("xen_scheduler", "credit2"), ("nr_cpus", str(CPUS)), ("virt_caps", r"pv\b.*"), ("xen_minor", "17")):
        assert re.search(rf"^{key} +: {value}$", info, re.MULTILINE), (key, info)
    assert re.search(r"^web +\d+ +\d", dom0.must("xl uptime"), re.MULTILINE)
    before = dom0.must("xl dmesg")
    dom0.must("xl debug-keys q")
    after = dom0.must("xl dmesg")
    assert len(after) > len(before) or after[-200:] != before[-200:]


def test_shutdown_ends_it(dom0):
    before = free_mib(dom0)
    other = XlGuest(dom0, "other", vcpus=1).create()
    dom0.must("xl shutdown -w other", LIMIT_S)
    other.gone()
    all_free_again(dom0, before)
