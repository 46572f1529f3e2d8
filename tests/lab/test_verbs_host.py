# SPDX-License-Identifier: Apache-2.0
"""zl's verbs about the host and the daemon, its exit statuses, and domains that xl made."""
import json
import re

import pytest
from toolstack import KINDS, WORK, Guest, config_text, until

from lab.guest_shell import GuestShell


@pytest.fixture
def foreign(zl, dom0):
    """A function that makes a minimal guest with stock xl; destroyed with stock xl at the end."""
    made: list[str] = []

    def one(name: str, kind: str, *options, **keys):
        made.append(name)
        dom0.must(["xl", "create", "-e", "-q", *options, Guest(zl, name, kind, **keys).file])

    yield one
    for name in made:
        dom0.run(["xl", "destroy", name])
        dom0.run(["zl", "undefine", name])
        dom0.must(["rm", "-f", f"{WORK}/{name}.cfg"])


def test_info_says_of_the_host_what_stock_xl_says(zl, dom0):
    theirs = dict(line.split(":", 1) for line in dom0.must("xl info").splitlines())
    theirs = {key.strip(): value.strip() for key, value in theirs.items()}
    ours = zl.json("info")
    assert ours["hypervisor_version"] + ours["hypervisor_extra"] == theirs["xen_version"]
    assert ours["cpus"] == int(theirs["nr_cpus"]) and ours["scheduler"] == theirs["xen_scheduler"]
    assert ours["total_memory_kib"] // 1024 == int(theirs["total_memory"])
    assert abs(ours["free_memory_kib"] // 1024 - int(theirs["free_memory"])) <= 1
    assert ours["hw_caps"] == theirs["hw_caps"] and ours["commandline"] == theirs["xen_commandline"]
    assert ours["toolstackd_version"] and f"zl {ours['toolstackd_version']}" in zl("--version")


def test_called_as_xl_info_has_the_lines_of_xl(zl, dom0):
    dom0.must(f"mkdir -p {WORK}/as-xl && ln -sf /usr/bin/zl {WORK}/as-xl/xl")
    theirs, ours = (dom0.must(f"{command} info").splitlines() for command in ("/usr/sbin/xl", f"{WORK}/as-xl/xl"))
    assert [line.split(":")[0] for line in ours] == [line.split(":")[0] for line in theirs]
    moving = ("free_memory", "cpu_mhz")  # between two looks; the emulated clock is measured anew
    for left, right in zip(ours, theirs):
        assert left.rstrip() == right.rstrip() or left.startswith(moving), (left, right)


def test_dmesg_is_the_hypervisors(zl, dom0, hypervisor):
    theirs = dom0.must("xl dmesg")
    ours = zl("dmesg")
    banner = {"xen": "Xen version 4.17", "core": "zocalo hypervisor-core"}[hypervisor]
    assert banner in ours and theirs.splitlines()[-1] in ours


def test_doctor_finds_nothing_and_repairs_what_a_dead_domain_left(zl, xl, dom0):
    assert [row["severity"] for row in zl.json("doctor")] == ["ok"]
    stale = "/local/domain/0/zocalo/backend/zblk/4242/51712"
    dom0.must(f"xenstore-write {stale}/frontend /local/domain/4242/device/vbd/51712 {stale}/state 4")
    rows = zl.json("doctor")
    assert [row["check"] for row in rows] == ["leak"] and "4242" in rows[0]["text"]
    zl("doctor", "--repair")
    assert xl.node("/local/domain/0/zocalo/backend/zblk/4242") is None
    assert [row["severity"] for row in zl.json("doctor")] == ["ok"]


def test_operations_and_events_tell_what_happened(zl):
    last = zl.json("events", "--no-follow")[-1:]
    since = last[0]["seq"] if last else 0
    guest = Guest(zl, "told", "pv")
    op = int(zl("create", "-p", "--no-wait", guest.file))
    assert zl.json("ops", "wait", op)["state"] == "done"
    row = zl.json("ops", op)
    assert (row["verb"], row["name"], row["result"]["domid"]) == ("create", "told", guest.domid)
    zl("destroy", "told")
    assert op in [row["id"] for row in zl.json("ops")]
    assert zl.json("ops", "--active") == []
    events = [event for event in zl.json("events", "--no-follow", "--since", since) if event["name"] == "told"]
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(set(numbers)) and min(numbers) > since
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "domain.starting" and "domain.stopped" in kinds and "op.done" in kinds, kinds
    guest.remove()


def test_events_are_followed_as_they_happen(zl, dom0):
    following = dom0.start(["zl", "events", "-o", "jsonl"])
    guest = Guest(zl, "followed", "pv").create("-p")
    following.expect(b'"followed"', 60)
    following.signal(15)
    following.collect(60)
    guest.remove()


def test_each_kind_of_failure_has_its_exit_status(zl, dom0):
    guest = Guest(zl, "statuses", "pv").create("-p")
    zl.fails(2, "no-such-verb")
    zl.fails(2, "create")
    zl.fails(2, "list", "--no-such-option")
    zl.fails(2, "re")  # rename, reboot
    zl.fails(3, "destroy", "nosuch")
    zl.fails(4, "create", guest.file)
    zl.fails(5, "destroy", "Domain-0")
    zl.fails(6, "wait", "statuses", "--for", "crashed", "--timeout", 1)
    assert "/no/such.sock" in zl.fails(7, "--socket", "/no/such.sock", "list")
    zl.fails(8, "console", "-t", "serial", "statuses")
    assert zl("domi", "statuses").strip() == str(guest.domid)  # a unique beginning of a verb
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "zl"]
    for words, status in ((["list"], 5), (["destroy", "statuses"], 5)):
        assert dom0.run([*nobody, *words])[0] == status, words
    reader = ["setpriv", "--reuid=65534", "--regid=zocalo", "--clear-groups", "zl"]
    for words, status in ((["list"], 0), (["destroy", "statuses"], 5)):
        assert dom0.run([*reader, *words])[0] == status, words
    assert zl.state("statuses") == "paused"
    guest.remove()


def test_shutdown_of_a_guest_that_does_not_answer_ends_at_the_limit(zl):
    guest = Guest(zl, "deaf", "pv").create("-p")
    said = zl.fails(6, "shutdown", "-w", "--timeout", 3, "deaf")
    assert "deaf" in said and "has not shut down within 3 s" in said
    assert zl.json("ops")[0]["state"] == "failed"  # the daemon gave up, not only zl
    assert zl.state("deaf") in ("paused", "shutting_down")
    guest.remove()


def test_completion_knows_verbs_and_domains(zl):
    assert {"block-attach", "block-list", "block-detach"} <= set(zl("__complete", "block-").split())
    assert "Domain-0" in zl("__complete", "console", "").split()


def test_a_foreign_domain_is_listed_and_left_alone(zl, xl, dom0, foreign):
    foreign("theirs", "pv", "-p")  # still, so that its nodes change only if somebody else changes them
    row = zl.json("list", "theirs")
    assert (row["ownership"], row["desired"], row["domid"]) == ("foreign", "", xl.domains()["theirs"]["id"])
    until(lambda: xl.node(f"/local/domain/{row['domid']}/console/tty"), "xenconsoled has taken its console")
    tree = "xenstore-ls -f | grep -v ^/tool/zocalo/"  # the daemon's own note about its database
    nodes = dom0.must(tree).splitlines()
    dom0.must("systemctl restart toolstackd")
    zl.fails(4, "block-attach", "theirs", f"vdev=xvda,target={WORK}/x.img")
    zl.fails(4, "rename", "theirs", "mine")
    assert set(dom0.must(tree).splitlines()) ^ set(nodes) == set()
    assert xl.domains()["theirs"]["id"] == row["domid"]
    zl("unpause", "theirs")  # asked for by name, it is done
    assert xl.domains()["theirs"]["state"][2] != "p"
    zl("destroy", "theirs")
    assert "theirs" not in xl.domains()


@pytest.mark.parametrize("kind", KINDS)
def test_an_adopted_domain_is_ours(zl, xl, dom0, foreign, kind):
    foreign("adoptee", kind)
    domid = xl.domains()["adoptee"]["id"]
    zl("adopt", "adoptee")
    row = zl.json("list", "adoptee")
    assert (row["ownership"], row["domid"], row["desired"]) == ("managed", domid, "running")
    assert row["type"] == kind and xl.domains()["adoptee"]["id"] == domid
    zl.fails(4, "adopt", "adoptee")
    zl("pause", "adoptee")
    assert xl.domains()["adoptee"]["state"][2] == "p"
    zl("unpause", "adoptee")
    zl("destroy", "adoptee")
    assert "adoptee" not in xl.domains() and zl.state("adoptee") == "stopped"
    assert xl.node(f"/local/domain/{domid}") is None
    zl("undefine", "adoptee")


def test_an_adopted_domain_takes_disks_and_names_who_has_its_console(zl, xl, dom0, foreign):
    image = f"{WORK}/adopted.img"
    dom0.must(f"truncate -s 1M {image}")
    foreign("adoptee", "pv", disk=[f"format=raw,vdev=xvda,access=rw,target={image}"])
    assert [disk["vdev"] for disk in zl.detail("adoptee")["disks"]] == ["xvda"], "a foreign domain's disk is listed"
    zl("adopt", "adoptee")
    assert "xl console" in zl.fails(3, "console", "adoptee")
    hot = f"{WORK}/hot.img"
    dom0.must(f"truncate -s 1M {hot}")
    console = GuestShell(dom0, ["xl", "console", "adoptee"])
    try:
        console.send("\n")
        console.expect("mini# ", 60)
        zl("block-attach", "adoptee", f"vdev=xvdb,target={hot}")
        console.must("for i in $(seq 100); do test -b /dev/xvdb && break; sleep 0.1; done; test -b /dev/xvdb")
        assert [disk["vdev"] for disk in zl.detail("adoptee")["disks"]] == ["xvda", "xvdb"]
        dom0.must("systemctl restart toolstackd")
        zl("block-detach", "adoptee", "xvdb")
        assert "xl block-detach" in zl.fails(8, "block-detach", "adoptee", "xvda")
    finally:
        console.close()
        zl("destroy", "adoptee")
        zl("undefine", "adoptee")
        dom0.must(["rm", hot, image])


def test_openapi_and_metrics_are_served(dom0, zl):
    ask = "curl -sf --unix-socket /run/zocalo/toolstackd.sock http://localhost"
    if dom0.run("command -v curl")[0] != 0:
        pytest.skip("dom0 has no curl")
    assert '"/v1/domains"' in dom0.must(f"{ask}/v1/openapi.json")
    assert re.search(r"^zocalo_\w+", dom0.must(f"{ask}/metrics"), re.MULTILINE)


def test_zl_reads_what_xl_reads(zl, dom0):
    """The same file, to both programs' dry runs."""
    file = f"{WORK}/same.cfg"
    keys = {"name": "same", "type": "pv", "kernel": "/boot/x", "memory": 64, "vcpus": 2, "on_crash": "preserve",
            "disk": ["/dev/vg/g,raw,xvda,rw"], "vif": ["mac=00:16:3e:01:02:03,bridge=xenbr0"]}
    dom0.put(file, config_text(keys))
    theirs = dom0.must(["xl", "create", "-n", file])
    theirs = json.loads(theirs[theirs.index("{"):])
    ours = json.loads(zl("create", "-n", "-o", "json", file))["config"]
    disk, nic = theirs["disks"][0], theirs["nics"][0]
    assert (ours["disks"][0]["vdev"], ours["disks"][0]["target"]) == (disk["vdev"], disk["pdev_path"])
    assert ours["disks"][0]["readonly"] == (not disk["readwrite"])
    assert (ours["nics"][0]["mac"], ours["nics"][0]["bridge"]) == (nic["mac"], nic["bridge"])
    assert (ours["vcpus"], ours["memory_mib"] * 1024) == (
        theirs["b_info"]["max_vcpus"], theirs["b_info"]["target_memkb"])
    assert ours["on_crash"] == theirs["on_crash"] == "preserve"
    dom0.must(["rm", file])


@pytest.mark.parametrize("kind", KINDS)
def test_what_stock_xl_does_to_our_domain_is_followed(zl, xl, dom0, kind):
    guest = Guest(zl, "ours", kind).create("-p")
    domid, uuid = guest.domid, guest.uuid
    dom0.must(["xl", "unpause", "ours"])
    assert zl.state("ours") == "running"
    dom0.must(["xl", "pause", "ours"])
    assert zl.state("ours") == "paused"
    dom0.must(["xl", "sched-credit2", "-d", "ours", "-w", "777"])
    assert zl.detail("ours")["weight"] == 777
    dom0.must(["xl", "destroy", "ours"])
    until(lambda: "ours" not in zl.names(), "zl has seen it go")
    assert xl.node(f"/vm/{uuid}") is None and xl.node(f"/local/domain/{domid}") is None
    guest.remove()
