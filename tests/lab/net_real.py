#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""zocalo-netback on a real hypervisor, without the daemon: runs in dom0, next to the two programs.

    ./dev lab run --share DIR -- python3 /mnt/share/net_real.py

DIR holds this file, blk_real.py, net_driver and zocalo-netback. A minimal PV guest gets a card by hot
attach on a bridge of dom0 and moves data both ways over IPv4 and IPv6, compared by digests. Ends with
one line for each check: "ok NAME" or "not ok NAME: WHY".
"""
import hashlib
import re
import subprocess
import sys
import time
from pathlib import Path

from blk_real import HERE, LIMIT, SCRATCH, Guest, Talk

MIB = 1 << 20
DATA_MIB = 8
DATA = f"seq 1 8000000 | head -c {DATA_MIB * MIB}"
ADDRESSES = {"IPv4": ("10.9.0.1", "10.9.0.2"), "IPv6": ("fd00:9::1", "fd00:9::2")}


def run(command: str) -> str:
    return subprocess.check_output(command, shell=True, text=True, timeout=LIMIT)


def make_bridge():
    run("ip link add xenbr0 type bridge && ip address add 10.9.0.1/24 dev xenbr0 && "
        "ip address add fd00:9::1/64 dev xenbr0 nodad && ip link set xenbr0 up")


def start_driver(guest: Guest) -> Talk:
    return Talk([str(HERE / "net_driver"), f"--domain={guest.id}", "--bridge=xenbr0",
                 f"--backend={HERE / 'zocalo-netback'}", "--uid=65534"], "driver")


def configure(guest: Guest):
    guest.sh("while [ ! -d /sys/class/net/eth0 ]; do sleep 0.1; done")
    guest.sh("echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set eth0 up")
    guest.sh("ip address add 10.9.0.2/24 dev eth0")
    guest.sh("ip address add fd00:9::2/64 dev eth0")


def stats(driver: Talk) -> dict[str, int]:
    driver.send("stats")
    found = re.findall(r"stat (\w+) (\d+)", driver.expect(r"(?s)(.*)done stats").group(1))
    return {name: int(value) for name, value in found}


def check_attach(guest: Guest) -> Talk:
    """A card appears in a running guest, and both ends answer pings."""
    driver = start_driver(guest)
    driver.expect("own state 4")
    configure(guest)
    for family, (host, inside) in ADDRESSES.items():
        guest.sh(f"ping -c 3 -s 1400 {host}")
        run(f"busybox ping -c 3 -s 1400 {inside}")
    ports = run("ip -o link show master xenbr0")
    assert f"vif{guest.id}.0" in ports, ports
    pid = int(run("pgrep -o -f ^zocalo-netback"))
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"Uid:\s+65534\s+65534\s+65534\s+65534", status), status
    assert re.search(r"CapEff:\s+0+\n", status) and "NoNewPrivs:\t1" in status, status
    return driver


def digest_of_data() -> str:
    return run(f"{DATA} | sha256sum").split()[0]


def check_to_host(guest: Guest, driver: Talk):
    """What the guest sends arrives whole."""
    right = digest_of_data()
    for family, (host, _) in ADDRESSES.items():
        before = stats(driver)
        # Its input stays open: at the end of it busybox's nc says goodbye, and the other one leaves.
        listener = subprocess.Popen("busybox nc -l -p 5001 | sha256sum", shell=True, text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        time.sleep(0.5)
        start = time.monotonic()
        guest.sh(f"{DATA} | nc {host} 5001")
        got = listener.communicate(timeout=LIMIT)[0].split()[0]
        report(f"guest to dom0, {family}", start, before, stats(driver), "tx")
        assert got == right, f"{family}: {got} is not {right}"


def check_to_guest(guest: Guest, driver: Talk):
    """What dom0 sends arrives whole."""
    right = digest_of_data()
    for family, (_, inside) in ADDRESSES.items():
        before = stats(driver)
        guest.console.send("nc -l -p 5002 | sha256sum > /tmp/sum; echo GO''T $(cut -c1-64 /tmp/sum)")
        time.sleep(1)
        start = time.monotonic()
        run(f"{DATA} | busybox nc {inside} 5002")
        got = guest.console.expect(r"GOT ([0-9a-f]{64})").group(1)
        report(f"dom0 to guest, {family}", start, before, stats(driver), "rx")
        assert got == right, f"{family}: {got} is not {right}"


def report(what: str, start: float, before: dict, after: dict, way: str):
    moved = {name: after[name] - before[name] for name in after}
    packets, size = moved[f"{way}_packets"], moved[f"{way}_bytes"]
    assert size >= DATA_MIB * MIB, moved
    for name, value in moved.items():
        assert value == 0 or name.endswith(("_packets", "_bytes")), f"{what}: {name} grew by {value}"
    seconds = time.monotonic() - start
    print(f"# {what}: {size / MIB / seconds:.1f} MiB/s, {size // packets} bytes a frame", flush=True)


def check_reconnect(guest: Guest, driver: Talk):
    """The frontend driver lets go and takes the card again: Closed, Initialising, Connected."""
    guest.sh("echo vif-0 > /sys/bus/xen/drivers/vif/unbind")
    driver.expect("own state 6")
    guest.sh("echo vif-0 > /sys/bus/xen/drivers/vif/bind")
    driver.expect("own state 4")
    configure(guest)
    guest.sh("ping -c 3 10.9.0.1")


def check_detach(guest: Guest, driver: Talk):
    """Detach ends with nodes, process, tap and bridge port gone."""
    driver.send("detach")
    driver.expect("removed")
    driver.expect("backend exit 0")
    assert run("ip -o link show master xenbr0") == ""
    guest.sh("[ ! -d /sys/class/net/eth0 ]")


def main() -> int:
    SCRATCH.mkdir(exist_ok=True)
    make_bridge()
    guest, driver, bad = Guest(), None, 0
    guest.console.send('while read -r l; do eval "$l"; done')  # its line editor dies of long lines
    steps = [("attach and ping", lambda: check_attach(guest)),
             ("guest to dom0", lambda: check_to_host(guest, driver)),
             ("dom0 to guest", lambda: check_to_guest(guest, driver)),
             ("reconnect", lambda: check_reconnect(guest, driver)),
             ("detach", lambda: check_detach(guest, driver))]
    try:
        for name, step in steps:
            start = time.monotonic()
            driver = step() or driver
            print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
    except (AssertionError, subprocess.SubprocessError) as error:
        print(f"not ok {name}: {error}", flush=True)
        bad = 1
    guest.destroy()
    return bad


if __name__ == "__main__":
    sys.exit(main())
