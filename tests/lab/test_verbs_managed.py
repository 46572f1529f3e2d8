# SPDX-License-Identifier: Apache-2.0
"""Managed domains: define, start, edit, apply, autostart, undefine, and a host that loses its power."""
import pytest
from toolstack import BOOT_LIMIT_S, KINDS, Guest, until


@pytest.fixture
def defined(zl):
    """A function that defines a minimal guest; removed at the end of the test."""
    made: list[Guest] = []

    def one(name: str, kind: str = "pv", **keys) -> Guest:
        made.append(Guest(zl, name, kind, **keys))
        zl("define", made[-1].file)
        return made[-1]

    yield one
    for guest in reversed(made):
        guest.remove()


@pytest.mark.parametrize("kind", KINDS)
def test_a_defined_domain_starts_stops_and_stays_known(zl, xl, defined, kind):
    guest = defined("kept", kind)
    row = zl.json("list", "kept")
    assert (row["state"], row["ownership"], row["domid"], row["desired"]) == ("defined", "managed", None, "stopped")
    assert "kept" not in xl.domains()
    zl("start", "kept", "-p")
    assert xl.domains()["kept"]["state"][2] == "p"
    uuid = guest.uuid
    assert zl.fails(4, "start", "kept") and zl.fails(4, "undefine", "kept")
    zl("destroy", "kept")
    row = zl.json("list", "kept")
    assert (row["state"], row["uuid"], row["domid"]) == ("stopped", uuid, None)
    assert xl.node(f"/vm/{uuid}") is None
    zl("undefine", "kept")
    zl.fails(3, "list", "kept")


def test_apply_changes_at_once_what_can_and_the_rest_at_the_next_start(zl, xl, defined):
    guest = defined("changing", maxmem=160, memory=128, cpu_weight=300)
    zl("start", "changing", "-p")
    assert xl.weight("changing") == (300, 0)
    guest.write(memory=112, cpu_weight=400, cmdline="console=hvc0 quiet zocalo.second")
    zl("apply", guest.file)
    assert xl.weight("changing") == (400, 0)
    assert xl.node(guest.path("memory/target")) == str(112 * 1024)
    assert "zocalo.second" not in xl.node(f"/vm/{guest.uuid}/image/cmdline")
    zl("destroy", "changing")
    zl("start", "changing", "-p")
    assert "zocalo.second" in xl.node(f"/vm/{guest.uuid}/image/cmdline")
    assert xl.domains()["changing"]["mem"] == 112
    # Applied to nobody, it defines.
    other = Guest(zl, "new", "pv")
    zl("apply", other.file)
    assert zl.state("new") == "defined"
    other.remove()


def test_edit_applies_what_the_editor_leaves(zl, dom0, defined):
    defined("edited", memory=64)
    dom0.must("EDITOR='sed -i s/^memory.*/memory=96/' zl edit edited")
    assert zl.detail("edited")["config"]["memory_mib"] == 96
    status, _, err = dom0.run("EDITOR=true zl edit edited")
    assert status == 0 and "nothing was changed" in err
    assert dom0.run("EDITOR='sed -i s/^memory.*/memory=lots/' zl edit edited")[0] == 2
    assert zl.detail("edited")["config"]["memory_mib"] == 96


def test_a_stopped_domain_is_renamed_and_configured(zl, defined):
    guest = defined("before")
    zl("autostart", "before", "--order", 7, "--delay", 2, "--depends", "other")
    autostart = zl.detail("before")["config"]["autostart"]
    assert autostart == {"enabled": True, "order": 7, "delay_s": 2, "depends": ["other"]}
    zl("autostart", "before", "--disable")
    assert not zl.detail("before")["config"]["autostart"]["enabled"]
    zl("rename", "before", "after")
    assert zl.names() == ["Domain-0", "after"]
    zl("rename", "after", "before")
    assert guest.uuid


def test_after_a_power_cut_autostart_brings_the_domains_back_in_order(zl, xl, dom0, defined, hypervisor):
    first, second = defined("first"), defined("second", "pvh" if hypervisor == "xen" else "pv")
    defined("third")
    transient = Guest(zl, "transient", "pv").create("-p")
    zl("autostart", "first", "--order", 20, "--depends", "second")
    zl("autostart", "second", "--order", 10)
    zl("start", "second")
    zl("start", "third", "-p")
    uuids = {guest.name: guest.uuid for guest in (first, second)}
    dom0.reset()
    # No sync before it: what zl said to be done is on the disk. Everything else of dom0 is new.
    dom0.must("ip link add xenbr0 type bridge forward_delay 0 && ip address add 10.77.0.1/24 dev xenbr0"
              " && ip link set xenbr0 up")
    until(lambda: {"first", "second"} <= set(xl.domains()), "both are back", BOOT_LIMIT_S)
    until(lambda: zl.state("first") == "running", "first runs", BOOT_LIMIT_S)
    domains = xl.domains()
    assert domains["second"]["id"] < domains["first"]["id"]
    assert {name: zl.json("list", name)["uuid"] for name in uuids} == uuids
    # That it was started ended with the host, so nobody waited for the disk to know it.
    assert zl.state("third") in ("stopped", "defined") and "third" not in domains
    assert "transient" not in zl.names()
    until(lambda: "zocalo-mini: ready" in zl("logs", "first"), "first has booted", BOOT_LIMIT_S)
    transient.remove()
