# SPDX-License-Identifier: Apache-2.0
"""`./dev bench blk`: fio in four guests of one boot, alternating: our disk backend with libaio and with io_uring, Linux's, QEMU's."""
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pair  # noqa: E402
import qdisk  # noqa: E402
import svg  # noqa: E402

# Block size, direction, depth, jobs.
FEW = [("4k", way, depth, 1) for way in ("randread", "randwrite") for depth in (1, 32)] + \
      [("128k", way, 8, 1) for way in ("read", "write")]
ALL = [(size, way, depth, jobs) for size in ("4k", "128k") for way in ("randread", "randwrite")
       for depth in (1, 8, 32) for jobs in (1, 4)]
OTHERS = ("uring", "linux", "qdisk")
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


def row(text: str) -> tuple[str, str, int, int]:
    """What --row names: `4k,randread,1,1`."""
    size, way, depth, jobs = text.split(",")
    if size not in ("4k", "128k") or way not in ("read", "write", "randread", "randwrite"):
        raise ValueError(text)
    return size, way, int(depth), int(jobs)


def kind(size: str, way: str, depth: int, jobs: int) -> dict:
    return {"bs": size, "rw": way, "depth": depth, "jobs": jobs}


def measure(args) -> list[dict]:
    rows = []
    with tempfile.TemporaryDirectory() as packages, pair.boot(args, Path(packages)) as machine:
        qdisk.install(machine, Path(packages))
        pair.prepare(machine, args.disk)
        guests = {name: pair.Guest(machine, name, args.vcpus) for name in pair.CANDIDATES}
        guests["ours"].attach()  # the next one's engine restarted the daemon
        for guest in guests.values():  # the same bytes everywhere before anything is measured
            guest.must(f"dd if=/dev/zero of=/dev/xvdb bs=1M count={args.disk} oflag=direct 2>/dev/null", 1800)
        for what in args.row or (ALL if args.all else FEW):
            for turn, name in pair.alternating(list(guests), args.rounds):
                got = one(machine, guests[name], *what, args.seconds, args.disk)
                rows.append({"candidate": name, **kind(*what), "round": turn,
                             **{key: round(got[key], 3) for key in COLUMNS[6:]}})
                print(" ".join(str(value) for value in rows[-1].values()), file=sys.stderr, flush=True)
        print(machine.must(["zl", "block-list", "--stats", "bench-ours"]), file=sys.stderr)
    return rows


def cost(rows: list[dict]):
    """Where the clock counts instructions, what a request takes is its share of a second."""
    names = list(dict.fromkeys(row["candidate"] for row in rows))
    print(f"\n{'thousands of instructions a request':36}" + "".join(f"{name:>10}" for name in names))
    for what in kinds(rows):
        each = (1e6 / max(pair.median(rows, "iops", candidate=name, **kind(*what)), 1e-9) for name in names)
        print(f"{label(what):36}" + "".join(f"{thousands:10.1f}" for thousands in each))


def kinds(rows: list[dict]) -> list[tuple]:
    return list(dict.fromkeys((row["bs"], row["rw"], row["depth"], row["jobs"]) for row in rows))


def label(what: tuple) -> str:
    return f"{what[0]} {what[1]}, depth {what[2]} x {what[3]}"


def ratio(rows: list[dict], key: str, what: tuple, other: str) -> float:
    ours, theirs = (pair.median(rows, key, candidate=name, **kind(*what)) for name in ("ours", other))
    return ours / max(theirs, 1e-9)


def table(rows: list[dict]):
    print(f"{'what':28} {'IOPS':>9} {'ours over':>10} {'IOPS':>6} {'p50':>6} {'p99':>6} {'dom0 CPU':>9} {'guest CPU':>9}")
    for what in kinds(rows):
        for other in OTHERS:
            ours = pair.median(rows, "iops", candidate="ours", **kind(*what))
            values = [ratio(rows, key, what, other)
                      for key in ("iops", "p50_us", "p99_us", "dom0_s_per_gib", "guest_s_per_gib")]
            print(f"{label(what):28} {ours:9.0f} {other:>10} {values[0]:6.2f} {values[1]:6.2f} {values[2]:6.2f}"
                  f" {values[3]:9.2f} {values[4]:9.2f}")
    print("(ratios of medians, ours over the other: IOPS above 1 and the rest below 1 are better; uring: ours as well, with"
          " disk_engine = io_uring)")


def plot(rows: list[dict]) -> str:
    return svg.bars("Operations per second, ours over the other",
                    {other: [(label(what), ratio(rows, "iops", what, other)) for what in kinds(rows)] for other in OTHERS})


def main() -> int:
    parser = pair.parser("blk", __doc__)
    parser.add_argument("--all", action="store_true", help="every size, depth and number of jobs")
    parser.add_argument("--row", type=row, action="append", metavar="SIZE,RW,DEPTH,JOBS",
                        help="only this one, as 4k,randread,1,1; may be given again")
    parser.add_argument("--disk", type=int, default=64, help="MiB that are read and written (default 64)")
    args = parser.parse_args()

    def tables(rows: list[dict]):
        table(rows)
        if args.icount:
            cost(rows)
    return pair.run("blk", args, COLUMNS, measure, tables, plot)


if __name__ == "__main__":
    sys.exit(main())
