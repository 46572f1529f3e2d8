# SPDX-License-Identifier: Apache-2.0
"""What follows a crash beyond restart and destroy: core files, and the ended domain kept under another name."""
import json

import pytest
from toolstack import BOOT_LIMIT_S, WORK, Guest, until

DUMPS = "/var/lib/zocalo/dumps"
DUMP_LIMIT_S = 1200.0
CRASHES = "console=hvc0 quiet rdinit=/bin/true"  # init that ends: the kernel panics
# An ELF file's sections by name (elf.h), as the format of Xen's core files has them (dump-core-format).
SECTIONS = r"""
import struct, sys
data = open(sys.argv[1], 'rb').read()
assert data[:6] == b'\x7fELF\x02\x01' and struct.unpack_from('<H', data, 16)[0] == 4, 'no 64-bit core file'
offset, = struct.unpack_from('<Q', data, 40)
size, count, names = struct.unpack_from('<HHH', data, 58)
rows = [struct.unpack_from('<IIQQQQ', data, offset + i * size) for i in range(count)]
table = rows[names][4]
for name, kind, _, _, at, length in rows:
    word = data[table + name:data.index(b'\0', table + name)].decode()
    print(word or '-', length)
"""


@pytest.fixture
def make(zl, dom0):
    made: list[Guest] = []

    def one(name: str, kind: str, **keys) -> Guest:
        made.append(Guest(zl, name, kind, **keys))
        return made[-1]

    yield one
    for guest in reversed(made):
        guest.remove()
    dom0.must(["rm", "-rf", DUMPS])


def events(zl, name: str, kind: str) -> list[dict]:
    rows = zl.json("events", "--no-follow")
    return [row["body"] for row in rows if row["name"] == name and row["kind"] == kind]


def sections(dom0, path: str) -> dict[str, int]:
    lines = dom0.must(["/usr/bin/python3", "-c", SECTIONS, path]).splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in lines}


@pytest.mark.long  # libxenguest maps each page by itself, and for PVH each hole
@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_a_crash_leaves_a_core_file_as_xl_writes_it(zl, xl, dom0, make, kind):
    guest = make("dumped", kind, memory=96, cmdline=CRASHES, on_crash="coredump-destroy")
    guest.create()
    until(lambda: "dumped" not in zl.names(), "the guest has crashed, was dumped and is gone", DUMP_LIMIT_S)
    told = events(zl, "dumped", "domain.dumped")
    assert len(told) == 1, zl.json("events", "--no-follow")[-6:]
    core = told[0]["path"]
    assert core.startswith(f"{DUMPS}/dumped-1-") and "dumped" not in xl.domains()
    assert dom0.must(["stat", "-c", "%a %U", core]).split() == ["600", "root"]
    found = sections(dom0, core)
    assert found[".xen_pages"] >= 80 << 20 and {".note.Xen", ".xen_prstatus", ".xen_shared_info"} <= set(found)
    # Holes take no room.
    assert told[0]["bytes"] < found[".xen_pages"]

    guest.write(on_crash="preserve")
    guest.create()
    zl("wait", "dumped", "--for", "crashed", "--timeout", 240, timeout=300)
    dom0.must(["xl", "dump-core", "dumped", f"{WORK}/theirs.core"], DUMP_LIMIT_S)
    dom0.must(["/usr/libexec/zocalo/zocalo-dump-core", str(guest.domid), f"{WORK}/ours.core", str(1 << 30)], DUMP_LIMIT_S)
    dom0.must(["cmp", f"{WORK}/theirs.core", f"{WORK}/ours.core"], 120)
    status, _, err = dom0.run(["/usr/libexec/zocalo/zocalo-dump-core", str(guest.domid), f"{WORK}/small.core", "4096"])
    assert status == 1 and "would take more than" in err
    dom0.must(f"rm -f {WORK}/*.core")


def test_rename_restart_keeps_the_crashed_domain_and_starts_it_again(zl, xl, dom0, make):
    image = f"{WORK}/kept.img"
    dom0.must(f"truncate -s 8M {image}")
    guest = make("renamed", "pv", on_crash="rename-restart", disk=[f"format=raw,vdev=xvda,access=rw,target={image}"])
    guest.create()
    first, uuid = guest.domid, guest.uuid
    guest.attach().send("echo c > /proc/sysrq-trigger\n")
    until(lambda: zl.json("list", uuid)["domid"] not in (-1, None, first), "it runs again under a new domid",
          BOOT_LIMIT_S)
    kept = events(zl, "renamed", "domain.kept")[0]
    assert kept["domid"] == first and kept["name"].startswith("renamed-1-")
    rows = xl.domains()
    assert rows[kept["name"]]["id"] == first and rows[kept["name"]]["state"][3:5] == "sc"
    assert zl.state(kept["name"]) == "crashed" and zl.json("list", kept["name"])["ownership"] == "transient"
    assert xl.node(f"/local/domain/{first}/vm") == f"/vm/{kept['uuid']}"
    assert not xl.disks(kept["name"]) and xl.disks("renamed")
    guest.attach().must("dd if=/dev/zero of=/dev/xvda bs=64k count=1 conv=fsync 2>/dev/null")
    dom0.must("systemctl restart toolstackd")
    assert zl.state(kept["name"]) == "crashed" and zl.state("renamed") == "running"
    zl("destroy", kept["name"])
    assert kept["name"] not in xl.domains() and xl.node(f"/local/domain/{first}") is None
    guest.remove()
    dom0.must(["rm", image])


def test_a_destroy_ends_a_dump_that_would_take_long(zl, xl, dom0, make):
    dom0.must("mkdir -p /etc/zocalo /run/slow && printf '#!/bin/sh\\nexec sleep 600\\n' > /run/slow/dump"
              " && chmod 755 /run/slow/dump && cp /etc/zocalo/toolstackd.toml /run/slow/toml"
              " && printf '[dumps]\\nprogram = \"/run/slow/dump\"\\n' > /etc/zocalo/toolstackd.toml"
              " && systemctl restart toolstackd")
    try:
        guest = make("slow", "pv", memory=96, cmdline=CRASHES, on_crash="coredump-restart")
        guest.create()
        zl("wait", "slow", "--for", "crashed", "--timeout", 240, timeout=300)
        until(lambda: dom0.run(["pgrep", "-f", "sleep 600"])[0] == 0, "the dump has begun")
        zl("destroy", "slow", timeout=60)
        assert "slow" not in xl.domains() and dom0.run(["pgrep", "-f", "sleep 600"])[0] != 0
    finally:
        dom0.must("cp /run/slow/toml /etc/zocalo/toolstackd.toml && rm -r /run/slow && systemctl restart toolstackd")


def test_a_database_that_is_not_the_one_in_use_is_not_acted_on(zl, xl, dom0, make):
    guest = make("trusted", "pv")
    guest.create("-p")
    file = "/var/lib/zocalo/domains.db"
    dom0.must(f"systemctl stop toolstackd.socket toolstackd && cp {file} {WORK}/old.db")
    dom0.must("systemctl start toolstackd.socket toolstackd")
    second = make("second", "pv")
    second.create("-p")

    def start_with(preparation: str):
        dom0.must(f"systemctl stop toolstackd.socket toolstackd && {preparation}"
                  " && systemctl start toolstackd.socket toolstackd")

    start_with(f"mv {file} {WORK}/good.db")
    for word, preparation in (("missing", None), ("not a database", f"head -c 100000 /dev/urandom > {file}"),
                              ("older", f"cp {WORK}/old.db {file}")):
        if preparation:
            start_with(preparation)
        assert {"trusted", "second"} <= set(zl.names())
        assert "read-only" in zl.fails(4, "destroy", "second"), word
        assert "read-only" in zl.fails(4, "create", guest.file), word
        finding = json.loads(dom0.run(["zl", "doctor", "-o", "json"])[1])[0]  # its status says that there is an error
        assert finding["check"] == "database" and word in finding["text"], finding
        assert xl.domains()["second"]["state"][2] == "p"
    start_with(f"mv {WORK}/good.db {file}")
    assert json.loads(zl("list", "-o", "json", "second"))["ownership"] == "transient"
    second.remove()
    # Who wants to go on with the old one says so.
    start_with(f"cp {WORK}/old.db {file}")
    dom0.must("toolstackd --accept-database && systemctl restart toolstackd")
    assert zl.state("trusted") == "paused"
    guest.remove()
    dom0.must(f"rm -f {WORK}/*.db")
