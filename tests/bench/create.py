# SPDX-License-Identifier: Apache-2.0
"""`./dev bench create`: zl against xl in one boot, for a growing number of domains."""
import argparse
import csv
import io
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
sys.path.insert(0, str(HERE))

import svg  # noqa: E402
import tiny_kernel  # noqa: E402
from lab import cli, qemu  # noqa: E402
from lab.errors import LabError  # noqa: E402
from lab.machine import Machine  # noqa: E402

GUESTS = "/var/lib/zocalo-lab/guests"
WORK = "/var/lib/zocalo-lab/bench"
LIMIT_S = 5400
TARGET = 10.0
KINDS = {"plain": "no devices", "devices": "disk and vif", "linux": "Linux, disk, vif"}
COLUMNS = ["verb", "tool", "guest", "n", "value"]


def measure(count: int, memory_mib: int, icount: bool) -> list[dict]:
    class Deb:
        no_deb, deb = False, None
    deb = cli.find_deb(Deb)
    cli.build_images(deb)
    options = qemu.Options(memory_mib=memory_mib, icount=icount, cpus=1 if icount else 2)
    with Machine(options, deb) as machine:
        machine.wait_up()
        machine.put(f"{WORK}/tiny", tiny_kernel.image())
        machine.put("/root/create_dom0.py", (HERE / "create_dom0.py").read_bytes())
        command = machine.start(["python3", "/root/create_dom0.py", str(count), WORK, GUESTS])
        command.end_input()
        progress, errors = Progress(count), bytearray()
        status = command.wait(LIMIT_S, progress.take, errors.extend)
        if status != 0:
            raise LabError(f"the part in dom0 ended with {status}: {errors.decode(errors='replace').strip()}")
    rows = csv.DictReader(io.StringIO(",".join(COLUMNS) + "\n" + progress.text()))
    return [{**row, "n": int(row["n"]), "value": float(row["value"])} for row in rows]


class Progress:
    """Keeps what dom0 prints and says on stderr how far each population is."""

    def __init__(self, count: int):
        self.count, self.said, self.shown = count, bytearray(), 0

    def take(self, data: bytes):
        self.said.extend(data)
        end = self.said.rfind(b"\n") + 1
        for line in self.said[self.shown:end].decode().splitlines():
            verb, tool, guest, n, value = line.rsplit(",", 4)
            if verb in ("create", "destroy") and (int(n) % 10 == 0 or int(n) == 1):
                print(f"bench: {tool} {verb}, {KINDS[guest]}: domain {n}, {float(value) * 1000:.1f}", file=sys.stderr, flush=True)
        self.shown = end

    def text(self) -> str:
        return self.said.decode()


class Rows:
    def __init__(self, rows: list[dict]):
        self.rows = rows

    def points(self, verb: str, tool: str, guest: str) -> list[tuple[int, float]]:
        return sorted((row["n"], row["value"]) for row in self.rows
                      if (row["verb"], row["tool"], row["guest"]) == (verb, tool, guest))

    def median(self, verb: str, tool: str, guest: str) -> float:
        return statistics.median(value for _, value in self.points(verb, tool, guest))


def growth(points: list[tuple[int, float]]) -> float:
    """Median of the last fifth over the median of the first: 1.0 is flat."""
    part = max(1, len(points) // 5)
    return statistics.median(v for _, v in points[-part:]) / statistics.median(v for _, v in points[:part])


def parts(rows: Rows, verb: str, guest: str):
    """Who took the time: what grows with the number of domains, and whose it is."""
    for who, tools in (("toolstackd", ("zl",)), ("xenstored", ("zl", "xl"))):
        values = {tool: rows.points(f"{verb} in {who}", tool, guest) for tool in tools}
        cells = [f"{statistics.median(v for _, v in values[t]) * 1000:9.1f}" if t in values else " " * 9 for t in ("zl", "xl")]
        grown = [f"{growth(values[t]):10.2f}" if t in values else " " * 10 for t in ("zl", "xl")]
        print(f"{'  of it ' + who:34} {cells[0]} {cells[1]} {'':7} {grown[0]} {grown[1]}")


def table(rows: Rows, unit: str):
    print(f"{'what':34} {'zl ' + unit:>9} {'xl ' + unit:>9} {'xl/zl':>7} {'zl growth':>10} {'xl growth':>10}")
    for guest, label in KINDS.items():
        for verb in ("create", "list", "destroy"):
            ours, theirs = (rows.points(verb, tool, guest) for tool in ("zl", "xl"))
            ours_ms, theirs_ms = (rows.median(verb, tool, guest) * 1000 for tool in ("zl", "xl"))
            print(f"{verb + ', ' + label:34} {ours_ms:9.1f} {theirs_ms:9.1f} {theirs_ms / ours_ms:7.1f}"
                  f" {growth(ours):10.2f} {growth(theirs):10.2f}")
            if verb != "list":
                parts(rows, verb, guest)
    for guest in ("plain", "devices"):
        for verb in ("create requests", "destroy requests"):
            ours, theirs = (rows.median(verb, tool, guest) for tool in ("zl", "xl"))
            print(f"{'xenstore ' + verb + ', ' + KINDS[guest]:42} {ours:4.0f} {theirs:6.0f} {theirs / ours:7.1f}")
    for label, verb, scale in (("create with a cold kernel", "cold create", 1000), ("daemon: restart", "daemon start", 1000)):
        guest = "linux" if "cold" in verb else "none"
        print(f"{label + ', ' + unit:34} {rows.median(verb, 'zl', guest) * scale:9.1f}")
    print(f"{'an empty process, ' + unit:34} {rows.median('empty process', 'none', 'none') * 1000:9.1f}")
    resident = [value for _, value in rows.points("daemon KiB", "zl", "none")]
    print(f"{'daemon: resident KiB, before, after':34} {resident[0]:9.0f} {resident[-1]:9.0f}")
    print(f"(medians; targets: xl/zl at least {TARGET:g} for create and list, zl growth near 1)")


def breakdown(rows: Rows, unit: str):
    """The steps of one create in the order in which they were taken; repeated names are added up."""
    for guest in ("plain", "devices"):
        names = list(dict.fromkeys(row["verb"] for row in rows.rows
                                   if row["verb"].startswith("step ") and row["guest"] == guest))
        if not names:
            continue
        print(f"\none create, {KINDS[guest]}, step by step ({unit}):")
        for name in names:
            values = [row["value"] for row in rows.rows if (row["verb"], row["guest"]) == (name, guest)]
            runs = max(row["n"] for row in rows.rows if (row["verb"], row["guest"]) == (name, guest))
            print(f"  {name.removeprefix('step '):40} {sum(values) / runs * 1000:8.2f}")


def plot(rows: Rows, unit: str) -> str:
    lines = {f"{tool} create, {KINDS[guest]}": [(n, s * 1000) for n, s in rows.points("create", tool, guest)]
             for tool in ("zl", "xl") for guest in ("plain", "devices")}
    return svg.chart("Creating the n-th domain", "domains of each tool", unit, lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench create", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="domains of each tool at the most (default 50)")
    parser.add_argument("--memory", type=int, default=3456, help="MiB of the whole machine")
    parser.add_argument("--icount", action="store_true", help="guest time counts instructions: 1 ms is a million")
    args = parser.parse_args()
    try:
        rows = measure(args.count, args.memory, args.icount)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    out = HERE.parent.parent / "build/bench"
    out.mkdir(parents=True, exist_ok=True)
    name = "create-icount" if args.icount else "create"
    unit = "Minstr" if args.icount else "ms"
    with (out / f"{name}.csv").open("w") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (out / f"{name}.svg").write_text(plot(Rows(rows), unit))
    table(Rows(rows), unit)
    breakdown(Rows(rows), unit)
    print(f"written: {out / name}.csv, {out / name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
