# SPDX-License-Identifier: Apache-2.0
"""`./dev bench net`: iperf3 with two guests of one boot, alternating: our network backend and Linux's xen-netback."""
import argparse
import csv
import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pair  # noqa: E402
from lab.errors import LabError  # noqa: E402

# What, iperf3's options, and whether the guest sends.
ROWS = [("TCP to guest", [], False), ("TCP from guest", ["-R"], True),
        ("TCP x4 to guest", ["-P", "4"], False), ("TCP x4 from guest", ["-P", "4", "-R"], True),
        ("UDP 64 bytes to guest", ["-u", "-b", "0", "-l", "64"], False),
        ("UDP 64 bytes from guest", ["-u", "-b", "0", "-l", "64", "-R"], True)]
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


def one(machine, guest, options: list[str], seconds: int) -> dict[str, float]:
    before = pair.processor_seconds(machine)
    text = machine.must(["iperf3", "-J", "-c", guest.address, "-t", str(seconds), *options], 600)
    after = pair.processor_seconds(machine)
    result = parse(json.loads(text), "-u" in options)
    gib = max(result["bytes"] / (1 << 30), 1e-9)
    return {**result, "dom0_s_per_gib": (after["Domain-0"] - before["Domain-0"]) / gib,
            "guest_s_per_gib": (after[guest.name] - before[guest.name]) / gib}


def measure(args) -> list[dict]:
    rows = []
    with pair.boot(args.memory, args.icount) as machine:
        pair.prepare(machine, 64)
        guests = {name: pair.Guest(machine, name, args.vcpus) for name in pair.CANDIDATES}
        for guest in guests.values():
            guest.must("iperf3 -s -D; sleep 1")
            machine.must(f"ping -c 3 -W 10 {guest.address}")
        for what, options, _ in ROWS:
            for turn in range(args.rounds):
                names = list(guests) if turn % 2 == 0 else list(reversed(guests))
                for name in names:
                    got = one(machine, guests[name], options, args.seconds)
                    row = {"candidate": name, "what": what, "round": turn, **{key: round(got[key], 3) for key in COLUMNS[3:]}}
                    rows.append(row)
                    print(" ".join(str(value) for value in row.values()), file=sys.stderr, flush=True)
    return rows


def table(rows: list[dict]):
    def median(key: str, what: str, candidate: str) -> float:
        return statistics.median(row[key] for row in rows if row["candidate"] == candidate and row["what"] == what)
    print(f"{'what':26} {'ours':>10} {'linux':>10} {'ours/linux':>10} {'dom0 CPU':>9} {'guest CPU':>9}")
    for what in dict.fromkeys(row["what"] for row in rows):
        key = "packets_s" if what.startswith("UDP") else "mbit_s"
        ratio = {k: median(k, what, "ours") / max(median(k, what, "linux"), 1e-9)
                 for k in (key, "dom0_s_per_gib", "guest_s_per_gib")}
        print(f"{what:26} {median(key, what, 'ours'):10.0f} {median(key, what, 'linux'):10.0f} {ratio[key]:10.2f}"
              f" {ratio['dom0_s_per_gib']:9.2f} {ratio['guest_s_per_gib']:9.2f}")
    print("(medians of Mbit/s, or packets/s of UDP that arrived; ratios ours/linux, for CPU below 1 is better)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench net", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each row is measured (default 3)")
    parser.add_argument("--seconds", type=int, default=3, help="of one measurement (default 3)")
    parser.add_argument("--vcpus", type=int, default=1)
    parser.add_argument("--memory", type=int, default=3072, help="MiB of the whole machine")
    parser.add_argument("--icount", action="store_true", help="guest time counts instructions")
    args = parser.parse_args()
    try:
        rows = measure(args)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    out = HERE.parent.parent / "build/bench"
    out.mkdir(parents=True, exist_ok=True)
    name = "net-icount" if args.icount else "net"
    with (out / f"{name}.csv").open("w") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    table(rows)
    print(f"written: {out / name}.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
