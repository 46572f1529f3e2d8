# SPDX-License-Identifier: Apache-2.0
"""From nothing to a domain and back with zl, PV and PVH; what is wrong is said and leaves nothing behind."""
import json

import pytest
from toolstack import BOOT_LIMIT_S, GUESTS, KINDS, WORK, Guest, until

from lab.guest_shell import GuestShell

# What the kernel starts instead of the shell: the guest ends by itself as soon as it is up.
ENDS = {"poweroff": "rdinit=/sbin/poweroff", "reboot": "rdinit=/sbin/reboot", "crash": "rdinit=/bin/true"}


@pytest.fixture
def make(zl):
    """Makes Guests; at the end of the test nothing of them is there."""
    made: list[Guest] = []

    def one(name: str, kind: str, **keys) -> Guest:
        made.append(Guest(zl, name, kind, **keys))
        return made[-1]

    yield one
    for guest in reversed(made):
        guest.remove()


@pytest.mark.parametrize("kind", KINDS)
def test_a_dry_run_shows_the_plan_and_makes_nothing(zl, xl, make, kind):
    guest = make("dry", kind, vcpus=2)
    plan = zl("create", "-n", guest.file)
    assert f'kernel = "{guest.keys["kernel"]}"' in plan and "# step 1: " in plan
    checked = json.loads(zl("-N", "create", guest.file, "-o", "json"))
    assert checked["config"]["maxvcpus"] == 2 and checked["steps"]
    assert "dry" not in zl.names() and "dry" not in xl.domains()
    # What it prints is a configuration again.
    zl.dom0.put(guest.file, plan)
    assert zl("create", "-n", guest.file) == plan


@pytest.mark.parametrize("kind", KINDS)
def test_a_domain_lives_reboots_and_ends(zl, xl, make, kind):
    guest = make("life", kind)
    guest.create("-p")
    first, uuid = guest.domid, guest.uuid
    row = xl.domains()["life"]
    assert (row["id"], row["mem"], row["state"][2]) == (first, 128, "p") and zl.state("life") == "paused"
    assert row["time"] == 0.0
    assert xl.node(f"/vm/{uuid}/name") == "life"
    assert "life" in zl.fails(4, "create", guest.file)
    zl("unpause", "life")
    zl("wait", "life", "--for", "running", "--timeout", 60)
    shell = guest.attach()
    assert "console=hvc0" in shell.must("cat /proc/cmdline")

    zl("reboot", "-w", "life")
    second = until(lambda: guest.domid not in (-1, first) and guest.domid, "a new domid after the reboot")
    assert guest.uuid == uuid and xl.domains()["life"]["id"] == second
    assert xl.node(f"/local/domain/{first}") is None and xl.node(f"/local/domain/{second}/name") == "life"
    until(lambda: zl("logs", "life").count("zocalo-mini: ready") == 2, "the history holds both boots", BOOT_LIMIT_S)

    guest.detach()
    zl("shutdown", "-w", "life")
    zl("wait", "life", "--for", "gone", "--timeout", 60) if "life" in zl.names() else None
    assert "life" not in xl.domains() and "life" not in zl.names()
    assert xl.node(f"/vm/{uuid}") is None and xl.node(f"/local/domain/{second}") is None


@pytest.mark.parametrize("kind", KINDS)
def test_create_c_shows_the_console_from_the_first_byte(zl, xl, make, kind, dom0):
    guest = make("first", kind, cmdline="console=hvc0 mitigations=off rdinit=/bin/sh")
    console = GuestShell(dom0, ["zl", "create", "-c", guest.file])
    console.expect(r"Linux version 6\.1", BOOT_LIMIT_S)
    console.expect("Run /bin/sh as init process", BOOT_LIMIT_S)
    console.send("\x1d")  # ^] lets go; the guest stays
    console.expect("detached", 60)
    assert xl.domains()["first"]["state"][2] != "p"
    zl("destroy", "first")
    assert "first" not in xl.domains() and "first" not in zl.names()
    zl.fails(3, "destroy", "first")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["poweroff", "crash"])
def test_a_preserved_domain_stays_as_it_ended(zl, xl, make, kind, how):
    guest = make("kept", kind, cmdline=f"console=hvc0 quiet {ENDS[how]}", **{f"on_{how}": "preserve"})
    guest.create()
    state = "crashed" if how == "crash" else "shutdown"
    zl("wait", "kept", "--for", state, "--timeout", 240, timeout=300)
    letters = xl.domains()["kept"]["state"]
    assert (letters[3], letters[4]) == ("s", "c" if how == "crash" else "-")
    assert zl.state("kept") == state
    domid = guest.domid
    zl("destroy", "kept")
    assert "kept" not in xl.domains() and xl.node(f"/local/domain/{domid}") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_guest_that_may_not_restart_is_gone(zl, xl, make, kind):
    guest = make("once", kind, cmdline=f"console=hvc0 quiet {ENDS['reboot']}", on_reboot="destroy")
    guest.create()
    until(lambda: "once" not in zl.names(), "the guest has rebooted and is gone", BOOT_LIMIT_S)
    assert "once" not in xl.domains()
    kinds = [row["body"].get("reason") for row in zl.json("events", "--no-follow")
             if row["name"] == "once" and row["kind"] == "domain.ended"]
    assert kinds[-1] == "reboot"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["poweroff", "crash"])
def test_a_guest_that_shall_restart_comes_back_with_its_uuid(zl, xl, make, kind, how):
    guest = make("again", kind, cmdline=f"console=hvc0 quiet {ENDS[how]}", **{f"on_{how}": "restart"})
    guest.create()
    first, uuid = guest.domid, guest.uuid
    until(lambda: zl.json("list", uuid)["domid"] not in (None, first), "it is back under a new domid", BOOT_LIMIT_S)
    assert zl.json("list", uuid)["name"] == "again"
    assert xl.node(f"/local/domain/{first}") is None
    zl("destroy", "again")
    assert "again" not in xl.domains()


def test_a_prefix_that_two_share_is_refused_and_names_none(zl, make):
    uuids = ["abcdef00-0000-4000-8000-00000000000" + digit for digit in "12"]
    for number, uuid in enumerate(uuids):
        make(f"twin{number}", "pv", uuid=uuid).create("-p")
    message = zl.fails(4, "pause", "abcdef")
    assert "abcdef" in message
    assert zl("domname", uuids[1][:-1] + "2").strip() == "twin1"
    assert zl("domname", uuids[0]).strip() == "twin0"
    assert "abcdef00" in zl.fails(4, "create", make("third", "pv", uuid=uuids[0]).file)


BAD_KERNELS = {
    "missing": ("rm -f {file}", "No such file"),
    "empty": (": > {file}", "kernel"),
    "text": ("echo this is no kernel > {file}", "kernel"),
    "truncated": ("head -c 1000000 {guests}/vmlinux > {file}", "kernel"),
    "truncated bzImage": ("head -c 2000000 {guests}/vmlinuz > {file}", "kernel"),
    # e_machine of the ELF header: 183 is AArch64.
    "of another machine": ("head -c 4000000 {guests}/vmlinux > {file};"
                           " printf '\\267' | dd of={file} bs=1 seek=18 conv=notrunc status=none", "kernel"),
    "without notes": ("cp /bin/busybox {file}", "kernel"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_kernel_is_refused_with_its_reason(zl, xl, dom0, make, kind):
    said = {}
    for name, (making, word) in BAD_KERNELS.items():
        file = f"{WORK}/bad-kernel"
        dom0.must(making.format(file=file, guests=GUESTS))
        status, _, said[name] = dom0.run(["zl", "create", make("bad", kind, kernel=file).file])
        assert status != 0 and word in said[name] and file in said[name], (name, status, said[name])
        assert "bad" not in zl.names() and "bad" not in xl.domains()
    assert len(set(said.values())) == len(said), said
    guest = make("bad", kind, ramdisk=f"{WORK}/no-ramdisk")
    assert "no-ramdisk" in zl.fails(3, "create", guest.file)
    dom0.must(["rm", "-f", f"{WORK}/bad-kernel"])


BAD_CONFIGS = [
    # keys, exit status, words of the message
    ({"disk": ["vdev=xvda,target=/no/such.img"]}, 3, "/no/such.img"),
    ({"disk": ["vdev=xvda,target=/dev/null"]}, 2, "/dev/null"),
    ({"disk": ["vdev=nonsense,target=/x.img"]}, 2, "nonsense"),
    ({"disk": [f"vdev=xvda,target={GUESTS}/vmlinux"] * 2}, 2, "xvda"),
    ({"disk": [f"vdev=xvda,format=qcow2,target={GUESTS}/vmlinux"]}, 8, "qcow2"),
    ({"vif": ["bridge=no-such-bridge"]}, 3, "no-such-bridge"),
    ({"vif": ["mac=no:mac"]}, 2, "no:mac"),
    ({"memory": 1000000}, 4, "memory"),
    ({"memory": 0}, 2, "memory"),
    ({"vcpus": 0}, 2, "vcpus"),
    ({"vcpus": 4, "maxvcpus": 2}, 2, "maxvcpus"),
    ({"cpus": "77"}, 2, "77"),
    ({"type": "hvm"}, 8, "hvm"),
    ({"kernel": ""}, 2, "kernel"),
    ({"name": "bad/name"}, 2, "bad/name"),
    ({"uuid": "12-34"}, 2, "12-34"),
    ({"on_crash": "explode"}, 2, "explode"),
]


def test_a_bad_configuration_is_refused_with_its_reason(zl, xl, dom0, make):
    before = set(xl.domains())
    wrong = []
    guest = make("bad", "pv")
    good = dict(guest.keys)
    for keys, status, word in BAD_CONFIGS:
        guest.keys = dict(good)
        guest.write(**keys)
        got, _, err = dom0.run(["zl", "create", guest.file])
        if got != status or word not in err or not err.startswith("zl: "):
            wrong.append(f"{keys}: wanted {status} and {word!r}, got {got} and {err!r}")
    assert not wrong, "\n".join(wrong)
    assert set(xl.domains()) == before and set(zl.names()) == before


def test_a_file_with_mistakes_names_the_line_and_the_nearest_key(zl, dom0):
    file = f"{WORK}/mistake.cfg"
    dom0.put(file, 'name = "x"\nmemory = \n')
    assert f"{file}:2" in zl.fails(2, "create", file) or "line 2" in zl.fails(2, "create", file)
    dom0.put(file, f'name = "x"\ntype = "pv"\nkernel = "{GUESTS}/vmlinux"\nmemroy = 64\n')
    status, _, err = dom0.run(["zl", "create", "-n", file])
    assert status == 0 and "memroy" in err and "memory" in err
    assert "memroy" in zl.fails(2, "create", "--strict", "-n", file)
    zl.fails(3, "create", "/no/such.cfg")
    dom0.must(["rm", file])


def test_one_image_is_not_writable_in_two_domains(zl, dom0, make):
    image = f"{WORK}/shared.img"
    dom0.must(f"truncate -s 1M {image}")
    make("holder", "pv", disk=[f"vdev=xvda,target={image}"]).create("-p")
    assert image in zl.fails(4, "create", make("second", "pv", disk=[f"vdev=xvda,target={image}"]).file)
    zl("destroy", "holder")
    make("third", "pv", disk=[f"vdev=xvda,target={image}"]).create("-p")
    zl("destroy", "third")
    dom0.must(["rm", image])
