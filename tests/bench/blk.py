# SPDX-License-Identifier: Apache-2.0
"""`./dev bench blk`: fio in two guests of one boot, alternating: our disk backend and Linux's xen-blkback."""
import argparse
import csv
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pair  # noqa: E402
from lab.errors import LabError  # noqa: E402

# Block size, direction, depth, jobs.
FEW = [("4k", way, depth, 1) for way in ("randread", "randwrite") for depth in (1, 32)] + \
      [("128k", way, 8, 1) for way in ("read", "write")]
ALL = [(size, way, depth, jobs) for size in ("4k", "128k") for way in ("randread", "randwrite")
       for depth in (1, 8, 32) for jobs in (1, 4)]
COLUMNS = ["candidate", "bs", "rw", "depth", "jobs", "round", "iops", "mib_s", "p50_us", "p99_us", "dom0_s_per_gib",
           "guest_s_per_gib"]
READ, WRITE = 5, 46  # where the terse form (version 3) begins: KiB, KiB/s, IOPS, ms, …, percentiles from +13


def parse(terse: str, way: str) -> dict[str, float]:
    """One group's line of fio --output-format=terse: IOPS, MiB/s, percentiles of completion."""
    fields = terse.strip().split(";")
    first = WRITE if "write" in way else READ
    percentiles = dict(pair_of.split("=") for pair_of in fields[first + 12:first + 32] if "=" in pair_of)
    at = {f"{float(name.rstrip('%')):g}": float(value) for name, value in percentiles.items()}
    return {"kib": float(fields[first]), "mib_s": float(fields[first + 1]) / 1024, "iops": float(fields[first + 2]),
            "p50_us": at.get("50", 0.0), "p99_us": at.get("99", 0.0)}


def one(machine, guest, size: str, way: str, depth: int, jobs: int, seconds: int, disk_mib: int) -> dict[str, float]:
    before = pair.processor_seconds(machine)
    text = guest.must(f"fio --name=b --filename=/dev/xvdb --direct=1 --ioengine=libaio --rw={way} --bs={size}"
                      f" --iodepth={depth} --numjobs={jobs} --size={disk_mib}m --time_based --runtime={seconds}"
                      " --group_reporting --output-format=terse --terse-version=3 2>/dev/null | tr -d '\\r\\n'")
    after = pair.processor_seconds(machine)
    line = text[text.index("3;fio-"):]
    result = parse(line, way)
    gib = max(result["kib"] / (1 << 20), 1e-9)
    return {**result, "dom0_s_per_gib": (after["Domain-0"] - before["Domain-0"]) / gib,
            "guest_s_per_gib": (after[guest.name] - before[guest.name]) / gib}


def measure(args) -> list[dict]:
    rows = []
    with pair.boot(args.memory, args.icount) as machine:
        pair.prepare(machine, args.disk)
        guests = {name: pair.Guest(machine, name, args.vcpus) for name in pair.CANDIDATES}
        for guest in guests.values():  # the same bytes everywhere before anything is measured
            guest.must(f"dd if=/dev/zero of=/dev/xvdb bs=1M count={args.disk} oflag=direct 2>/dev/null", 1800)
        for size, way, depth, jobs in ALL if args.all else FEW:
            for turn in range(args.rounds):
                names = list(guests) if turn % 2 == 0 else list(reversed(guests))
                for name in names:
                    got = one(machine, guests[name], size, way, depth, jobs, args.seconds, args.disk)
                    row = {"candidate": name, "bs": size, "rw": way, "depth": depth, "jobs": jobs, "round": turn,
                           **{key: round(got[key], 3) for key in COLUMNS[6:]}}
                    rows.append(row)
                    print(" ".join(str(value) for value in row.values()), file=sys.stderr, flush=True)
        print(machine.must(["zl", "block-list", "--stats", "bench-ours"]), file=sys.stderr)
    return rows


def table(rows: list[dict]):
    def median(key: str, what: tuple, candidate: str) -> float:
        return statistics.median(row[key] for row in rows if row["candidate"] == candidate and
                                 (row["bs"], row["rw"], row["depth"], row["jobs"]) == what)
    kinds = list(dict.fromkeys((row["bs"], row["rw"], row["depth"], row["jobs"]) for row in rows))
    print(f"{'what':28} {'ours IOPS':>10} {'linux IOPS':>10} {'ours/linux':>10} {'p50':>6} {'p99':>6}"
          f" {'dom0 CPU':>9} {'guest CPU':>9}")
    for what in kinds:
        ratio = {key: median(key, what, "ours") / max(median(key, what, "linux"), 1e-9)
                 for key in ("iops", "p50_us", "p99_us", "dom0_s_per_gib", "guest_s_per_gib")}
        name = f"{what[0]} {what[1]}, depth {what[2]} x {what[3]}"
        print(f"{name:28} {median('iops', what, 'ours'):10.0f} {median('iops', what, 'linux'):10.0f}"
              f" {ratio['iops']:10.2f} {ratio['p50_us']:6.2f} {ratio['p99_us']:6.2f}"
              f" {ratio['dom0_s_per_gib']:9.2f} {ratio['guest_s_per_gib']:9.2f}")
    print("(medians; ratios ours/linux: IOPS above 1 and the others below 1 are better)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench blk", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every size, depth and number of jobs")
    parser.add_argument("--rounds", type=int, default=3, help="how often each row is measured (default 3)")
    parser.add_argument("--seconds", type=int, default=3, help="of one measurement (default 3)")
    parser.add_argument("--disk", type=int, default=64, help="MiB that are read and written (default 64)")
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
    name = "blk-icount" if args.icount else "blk"
    with (out / f"{name}.csv").open("w") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    table(rows)
    print(f"written: {out / name}.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
