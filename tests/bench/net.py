# SPDX-License-Identifier: Apache-2.0
"""`./dev bench net`: iperf3 with guests of one boot, two of each kind, alternating: our network backend and Linux's xen-netback."""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pair  # noqa: E402
import svg  # noqa: E402

UDP = ["-u", "-b", "0", "-l", "64"]
# What, and iperf3's options.
ROWS = [("TCP to guest", []), ("TCP from guest", ["-R"]),
        ("TCP x4 to guest", ["-P", "4"]), ("TCP x4 from guest", ["-P", "4", "-R"]),
        ("UDP 64 bytes to guest", UDP), ("UDP 64 bytes from guest", [*UDP, "-R"]),
        ("TCP guest to guest", []), ("UDP 64 bytes guest to guest", UDP)]
BETWEEN = "guest to guest"  # how their names end: not dom0, but another guest is the client
COLUMNS = ["candidate", "what", "round", "mbit_s", "packets_s", "lost_percent", "dom0_s_per_gib", "guest_s_per_gib"]


def parse(answer: dict, udp: bool) -> dict[str, float]:
    """Of iperf3 -J: what arrived, whoever sent it."""
    end = answer["end"]
    if not udp:
        total = end["sum_received"]
        return {"bytes": total["bytes"], "mbit_s": total["bits_per_second"] / 1e6, "packets_s": 0.0, "lost_percent": 0.0}
    total = end["sum"]
    arrived = total["packets"] - total["lost_packets"]
    share = arrived / max(total["packets"], 1)
    return {"bytes": total["bytes"] * share, "mbit_s": total["bits_per_second"] * share / 1e6,
            "packets_s": arrived / max(total["seconds"], 1e-9), "lost_percent": 100 * (1 - share)}


def client(machine, peer, command: list[str]) -> dict:
    """iperf3's answer; `peer` is the guest it runs in, None for dom0."""
    if peer is None:
        return json.loads(machine.must(command, 600))
    text = peer.must(" ".join([*command, "| tr -d '\\r\\n\\t'"]))
    return json.loads(text[text.index("{"):text.rindex("}") + 1])


def one(machine, guest, peer, options: list[str], seconds: int) -> dict[str, float]:
    before = pair.processor_seconds(machine)
    answer = client(machine, peer, ["iperf3", "-J", "-c", guest.address, "-t", str(seconds), *options])
    after = pair.processor_seconds(machine)
    result = parse(answer, "-u" in options)
    gib = max(result["bytes"] / (1 << 30), 1e-9)
    return {**result, "dom0_s_per_gib": (after["Domain-0"] - before["Domain-0"]) / gib,
            "guest_s_per_gib": (after[guest.name] - before[guest.name]) / gib}


def measure(args) -> list[dict]:
    rows = []
    with pair.boot(args) as machine:
        pair.prepare(machine, 64)
        guests = {name: pair.Guest(machine, name, args.vcpus) for name in pair.PEERS}
        peers = {name: pair.Guest(machine, name, args.vcpus, peer=True) for name in guests}
        for name, guest in guests.items():
            guest.must("iperf3 -s -D; sleep 1")
            machine.must(f"busybox ping -c 3 -W 10 {guest.address}")
            peers[name].must(f"ping -c 3 -W 10 {guest.address}")
        for what, options in ROWS:
            for turn, name in pair.alternating(list(guests), args.rounds):
                peer = peers[name] if what.endswith(BETWEEN) else None
                got = one(machine, guests[name], peer, options, args.seconds)
                rows.append({"candidate": name, "what": what, "round": turn,
                             **{key: round(got[key], 3) for key in COLUMNS[3:]}})
                print(" ".join(str(value) for value in rows[-1].values()), file=sys.stderr, flush=True)
    return rows


def kinds(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(row["what"] for row in rows))


def rate(what: str) -> str:
    return "packets_s" if what.startswith("UDP") else "mbit_s"


def ratio(rows: list[dict], key: str, what: str) -> float:
    ours, theirs = (pair.median(rows, key, candidate=name, what=what) for name in ("ours", "linux"))
    return ours / max(theirs, 1e-9)


def table(rows: list[dict]):
    print(f"{'what':26} {'ours':>10} {'linux':>10} {'ours/linux':>10} {'dom0 CPU':>9} {'guest CPU':>9}")
    for what in kinds(rows):
        ours, theirs = (pair.median(rows, rate(what), candidate=name, what=what) for name in ("ours", "linux"))
        print(f"{what:26} {ours:10.0f} {theirs:10.0f} {ratio(rows, rate(what), what):10.2f}"
              f" {ratio(rows, 'dom0_s_per_gib', what):9.2f} {ratio(rows, 'guest_s_per_gib', what):9.2f}")
    print("(medians of Mbit/s, or packets/s of UDP that arrived; ratios ours/linux, for CPU below 1 is better)")


def plot(rows: list[dict]) -> str:
    return svg.bars("Throughput, ours over Linux's", {"linux": [(what, ratio(rows, rate(what), what)) for what in kinds(rows)]})


def main() -> int:
    return pair.run("net", pair.parser("net", __doc__).parse_args(), COLUMNS, measure, table, plot)


if __name__ == "__main__":
    sys.exit(main())
