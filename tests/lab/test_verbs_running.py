# SPDX-License-Identifier: Apache-2.0
"""zl's verbs on a running guest, PV and PVH, with stock xl as the judge of each state."""
import pytest
from toolstack import WORK, until

MIB = 1 << 20


def test_list_agrees_with_stock_xl(guest, zl, xl):
    theirs = xl.domains()
    ours = {row["name"]: row for row in zl.json("list")}
    assert set(ours) == set(theirs)
    for name, row in ours.items():
        judge = theirs[name]
        assert (row["domid"], row["memory_mib"], row["vcpus_online"]) == (judge["id"], judge["mem"], judge["vcpus"])
    row = zl.json("list", guest.name)
    assert (row["state"], row["ownership"], row["type"], row["desired"]) == (
        "running", "transient", guest.kind, "running")
    assert ours["Domain-0"]["ownership"] == "foreign"


def test_list_speaks_csv_yaml_and_long_json(guest, zl):
    lines = zl("list", "-o", "csv", "-c", "name,domid,state").splitlines()
    assert lines[0].lower() == "name,domid,state"
    assert f"{guest.name},{guest.domid},running" in lines
    assert f"name: {guest.name}" in zl("list", "-o", "yaml")
    assert guest.uuid in zl("list", "-v")
    detail = zl.detail(guest.name)
    assert detail["config"]["kernel"] == guest.keys["kernel"] and detail["domain"]["uuid"] == guest.uuid


def test_a_domain_answers_to_its_name_domid_uuid_and_a_unique_prefix(guest, zl):
    domid, uuid = guest.domid, guest.uuid
    for ref in (guest.name, domid, uuid, uuid[:8]):
        assert zl("domid", ref).strip() == str(domid)
        assert zl("domname", ref).strip() == guest.name
    assert "nosuch" in zl.fails(3, "domid", "nosuch")
    assert "nosuch" in zl.fails(3, "pause", "nosuch")


def test_called_as_xl_the_tables_are_those_of_xl(guest, zl, dom0):
    dom0.must(f"mkdir -p {WORK}/as-xl && ln -sf /usr/bin/zl {WORK}/as-xl/xl")
    # Times, states and the processors in use change between two looks; columns do not.
    mask = "sed -E 's/ +[0-9.]+$/ T/; s/[rbpscd-]{6}/STATE/; s/[rbp-]{3} +[0-9.]+/ S T/; s/ +[0-9-]+ +S T/ C S T/'"
    for words in ("list", f"list {guest.name}", f"vcpu-list {guest.name}", f"domid {guest.name}", "vm-list",
                  f"block-list {guest.name}", f"network-list {guest.name}"):
        theirs = dom0.must(f"/usr/sbin/xl {words} | {mask}")
        ours = dom0.must(f"{WORK}/as-xl/xl {words} | {mask}")
        assert ours == theirs, words
    assert dom0.run([f"{WORK}/as-xl/xl", "domid", "nosuch"])[0] == 1


def test_pause_stops_the_guest_and_unpause_lets_it_go_on(guest, zl, xl):
    zl("pause", guest.name)
    assert zl.state(guest.name) == "paused" and "p" in xl.domains()[guest.name]["state"]
    used = xl.domains()[guest.name]["time"]
    assert xl.domains()[guest.name]["time"] == used
    zl("unpause", guest.name)
    assert "p" not in xl.domains()[guest.name]["state"]
    assert zl.state(guest.name) == "running"
    assert guest.shell.must("echo alive").strip() == "alive"


def test_wait_ends_when_the_domain_gets_there(guest, zl, dom0):
    waiting = dom0.start(["zl", "wait", "--for", "paused", "--timeout", "60", guest.name])
    zl("pause", guest.name)
    assert waiting.collect(60)[0] == 0
    zl("unpause", guest.name)
    zl("wait", "--for", "running", guest.name)
    assert "not paused" in zl.fails(6, "wait", "--for", "paused", "--timeout", 1, guest.name)


def test_rename_is_seen_everywhere_and_the_old_name_is_free(guest, zl, xl):
    zl("rename", guest.name, "renamed")
    assert guest.name not in xl.domains() and "renamed" in xl.domains()
    domid = int(zl("domid", "renamed"))
    assert xl.node(f"/local/domain/{domid}/name") == "renamed"
    zl.fails(3, "domid", guest.name)
    zl("rename", "renamed", guest.name)
    assert xl.domains()[guest.name]["id"] == domid
    assert xl.node(f"/vm/{guest.uuid}/name") == guest.name
    assert "Domain-0" in zl.fails(4, "rename", guest.name, "Domain-0")


def test_the_guest_sees_the_memory_it_is_given_and_the_limit_holds(guest, zl, xl):
    before = int(guest.shell.must("grep MemTotal /proc/meminfo | tr -dc 0-9"))
    zl("mem-set", guest.name, 104)
    until(lambda: xl.domains()[guest.name]["mem"] == 104, "xl list shows 104 MiB")
    assert xl.node(guest.path("memory/target")) == str(104 * 1024)
    until(lambda: int(guest.shell.must("grep MemTotal /proc/meminfo | tr -dc 0-9")) <= before - 20 * 1024,
          "the guest sees 24 MiB less")
    zl("mem-set", guest.name, "128m")
    until(lambda: xl.domains()[guest.name]["mem"] == 128, "xl list shows 128 MiB")
    zl("mem-max", guest.name, 144)
    assert xl.node(guest.path("memory/static-max")) == str(144 * 1024)
    assert zl.detail(guest.name)["config"]["maxmem_mib"] == 144
    assert "144" in zl.fails(2, "mem-set", guest.name, 156)
    zl("mem-max", guest.name, 160)


def test_vcpus_come_and_go_in_the_guest(guest, zl, xl):
    def online():
        return guest.shell.must("cat /sys/devices/system/cpu/online").strip()
    assert online() == "0"
    zl("vcpu-set", guest.name, 2)
    assert xl.node(guest.path("cpu/1/availability")) == "online"
    guest.shell.must("echo 1 > /sys/devices/system/cpu/cpu1/online 2>/dev/null; true")
    until(lambda: online() == "0-1", "the second vCPU is online")
    assert [vcpu["online"] for vcpu in xl.vcpus(guest.name)] == [True, True]
    assert [vcpu["state"] != "offline" for vcpu in zl.json("vcpu-list", guest.name)] == [True, True]
    zl("vcpu-set", guest.name, 1)
    until(lambda: online() == "0", "the second vCPU is offline")
    until(lambda: [vcpu["online"] for vcpu in xl.vcpus(guest.name)] == [True, False], "xl sees it go")
    zl.fails(2, "vcpu-set", guest.name, 3)


def test_vcpus_are_pinned_as_stock_xl_reads_it(guest, zl, xl):
    zl("vcpu-pin", guest.name, 0, "1", "0")
    zl("vcpu-pin", guest.name, 1, "0")
    pins = [(vcpu["hard"], vcpu["soft"]) for vcpu in xl.vcpus(guest.name)]
    assert pins == [("1", "0"), ("0", "all")]
    ours = zl.json("vcpu-list", guest.name)
    assert [(vcpu["hard_affinity"], vcpu["soft_affinity"]) for vcpu in ours] == pins
    zl("vcpu-pin", guest.name, "all", "all", "all")
    assert [(vcpu["hard"], vcpu["soft"]) for vcpu in xl.vcpus(guest.name)] == [("all", "all")] * 2
    zl.fails(2, "vcpu-pin", guest.name, 7, "0")
    zl.fails(2, "vcpu-pin", guest.name, 0, "63")


def test_weight_and_cap_are_those_stock_xl_reads(guest, zl, xl):
    assert xl.weight(guest.name) == (256, 0)
    zl("sched-credit2", "-d", guest.name, "-w", 512, "-c", 80)
    assert xl.weight(guest.name) == (512, 80)
    row = zl.json("sched-credit2", "-d", guest.name)[0]
    assert (row["weight"], row["cap"]) == (512, 80)
    zl("sched-credit2", "-d", guest.name, "-w", 256, "-c", 0)
    assert xl.weight(guest.name) == (256, 0)
    zl.fails(2, "sched-credit2", "-d", guest.name, "-w", 70000)


def test_uptime_and_top_show_the_guest(guest, zl, xl):
    uptime = next(row for row in zl.json("uptime") if row["name"] == guest.name)
    assert 0 < uptime["uptime_s"] < 3600
    row = next(row for row in zl.json("top") if row["name"] == guest.name)
    assert row["domid"] == guest.domid and 0 <= row["cpu_percent"] <= 200
    assert abs(row["cpu_time_s"] - xl.domains()[guest.name]["time"]) < 5


@pytest.mark.parametrize("flags", ["rw", "ro"])
def test_a_disk_is_attached_used_and_detached(guest, zl, xl, dom0, flags):
    image = f"{WORK}/hot-{flags}.img"
    want = dom0.must(f"head -c 4M /dev/urandom > {image} && sha256sum < {image}").split()[0]
    zl("block-attach", guest.name, f"format=raw,vdev=xvdb,access={flags},target={image}")
    disk = next(row for row in zl.json("block-list", guest.name) if row["vdev"] == "xvdb")
    assert (disk["access"], disk["backend_state"], disk["target"]) == (flags, "connected", image)
    judge = next(row for row in xl.disks(guest.name) if row["devid"] == disk["devid"])
    assert (judge["state"], judge["backend"]) == (4, disk["backend_path"])
    assert judge["ring"] > 0 and judge["channel"] > 0
    assert xl.node(judge["backend"] + "/state") == "4"
    assert xl.node(f"/libxl/{guest.domid}/device/vbd/{disk['devid']}/params") == image
    shell = guest.shell
    shell.must("for i in $(seq 100); do test -b /dev/xvdb && break; sleep 0.1; done; test -b /dev/xvdb")
    assert shell.must("sha256sum < /dev/xvdb").split()[0] == want
    if flags == "rw":
        shell.must("dd if=/dev/urandom of=/dev/xvdb bs=64k count=64 conv=fsync 2>/dev/null")
        assert shell.must("sha256sum < /dev/xvdb").split()[0] == dom0.must(f"sha256sum < {image}").split()[0] != want
    else:
        assert shell.run("dd if=/dev/zero of=/dev/xvdb bs=4k count=1")[0] != 0
        assert dom0.must(f"sha256sum < {image}").split()[0] == want
    assert "xvdb" in zl.fails(4, "block-attach", guest.name, f"vdev=xvdb,target={image}")
    zl("block-detach", guest.name, "xvdb")
    # The kernel forgets the disk when the nodes are gone, on its own time.
    shell.must("for i in $(seq 100); do test -b /dev/xvdb || break; sleep 0.1; done; ! test -b /dev/xvdb")
    assert len(xl.disks(guest.name)) == len(zl.json("block-list", guest.name)) == 1
    assert "xvdb" in zl.fails(3, "block-detach", guest.name, "xvdb")
    dom0.must(["rm", image])


def test_a_card_is_attached_used_and_detached(guest, zl, xl, dom0):
    mac = "00:16:3e:11:22:33"
    zl("network-attach", guest.name, f"mac={mac}", "bridge=xenbr0")
    nic = next(row for row in zl.json("network-list", guest.name) if row["mac"] == mac)
    assert (nic["devid"], nic["bridge"], nic["backend_state"]) == (1, "xenbr0", "connected")
    judge = next(row for row in xl.nics(guest.name) if row["devid"] == 1)
    assert (judge["mac"], judge["state"], judge["backend"]) == (mac, 4, nic["backend_path"])
    assert nic["vifname"] in dom0.must("ip -br link show master xenbr0")
    shell = guest.shell
    shell.must("for i in $(seq 100); do test -d /sys/class/net/eth1 && break; sleep 0.1; done")
    shell.must("ip link set eth1 up && ip address add 10.77.0.2/24 dev eth1 && ping -c 2 -W 5 10.77.0.1")
    want = dom0.must(f"head -c 2M /dev/urandom > {WORK}/net && sha256sum < {WORK}/net").split()[0]
    server = dom0.start(f"busybox nc -l -p 7000 < {WORK}/net")
    server.end_input()
    # Each end of busybox's nc stops when the other has nothing more to say: the guest's keeps its input open.
    assert shell.must("sleep 0.5; nc 10.77.0.1 7000 > /tmp/net; sha256sum < /tmp/net").split()[0] == want
    server = dom0.start("busybox nc -l -p 7001 | sha256sum")  # its input stays open, or it leaves too early
    shell.must("sleep 0.5; nc 10.77.0.1 7001 < /tmp/net; rm /tmp/net")
    assert server.collect(60)[1].decode().split()[0] == want
    zl.fails(4, "network-attach", guest.name, f"mac={mac}", "bridge=xenbr0")
    zl("network-detach", guest.name, mac)
    # The kernel forgets the card when the nodes are gone, on its own time.
    shell.must("for i in $(seq 100); do test -d /sys/class/net/eth1 || break; sleep 0.1; done; ! test -d /sys/class/net/eth1")
    assert len(xl.nics(guest.name)) == len(zl.json("network-list", guest.name)) == 1
    assert "no-such-bridge" in zl.fails(3, "network-attach", guest.name, "bridge=no-such-bridge")
    dom0.must(["rm", f"{WORK}/net"])


def test_the_tree_in_xenstore_is_libxls(guest, xl):
    expected = {"name": guest.name, "domid": str(guest.domid), "vm": f"/vm/{guest.uuid}",
                "console/type": "zocalo", "console/limit": "1048576", "memory/target": str(128 * 1024),
                "cpu/0/availability": "online", "cpu/1/availability": "offline"}
    assert {path: xl.node(guest.path(path)) for path in expected} == expected
    assert xl.node(f"/libxl/{guest.domid}/type") == guest.kind
