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
from lab import cli, qemu  # noqa: E402
from lab.errors import LabError  # noqa: E402
from lab.machine import Machine  # noqa: E402

GUESTS = "/var/lib/zocalo-lab/guests"
WORK = "/var/lib/zocalo-lab/bench"
LIMIT_S = 3600
TARGET = 10.0


def measure(count: int, memory_mib: int) -> list[dict]:
    class Deb:
        no_deb, deb = False, None
    deb = cli.find_deb(Deb)
    cli.build_images(deb)
    with Machine(qemu.Options(memory_mib=memory_mib), deb) as machine:
        machine.wait_up()
        machine.put("/root/create_dom0.py", (HERE / "create_dom0.py").read_bytes())
        text = machine.must(["python3", "/root/create_dom0.py", str(count), WORK, GUESTS], LIMIT_S)
    rows = csv.DictReader(io.StringIO("verb,tool,devices,n,seconds\n" + text))
    return [{**row, "n": int(row["n"]), "seconds": float(row["seconds"])} for row in rows]


def pick(rows, verb, tool, devices) -> list[tuple[int, float]]:
    return [(row["n"], row["seconds"]) for row in rows
            if (row["verb"], row["tool"], row["devices"]) == (verb, tool, devices)]


def growth(points: list[tuple[int, float]]) -> float:
    """Median of the last fifth over the median of the first: 1.0 is flat."""
    part = max(1, len(points) // 5)
    ordered = sorted(points)
    return statistics.median(s for _, s in ordered[-part:]) / statistics.median(s for _, s in ordered[:part])


def table(rows: list[dict]):
    print(f"{'what':34} {'zl ms':>9} {'xl ms':>9} {'xl/zl':>7} {'zl growth':>10} {'xl growth':>10}")
    for devices in ("0", "1"):
        for verb in ("create", "list", "destroy"):
            ours, theirs = pick(rows, verb, "zl", devices), pick(rows, verb, "xl", devices)
            ours_ms, theirs_ms = (statistics.median(s for _, s in p) * 1000 for p in (ours, theirs))
            what = f"{verb}, {'disk and vif' if devices == '1' else 'no devices'}"
            print(f"{what:34} {ours_ms:9.1f} {theirs_ms:9.1f} {theirs_ms / ours_ms:7.1f}"
                  f" {growth(ours):10.2f} {growth(theirs):10.2f}")
    for devices in ("0", "1"):
        ours, theirs = (pick(rows, "xenstore-requests", tool, devices)[0][1] for tool in ("zl", "xl"))
        what = f"xenstore requests, {'disk and vif' if devices == '1' else 'no devices'}"
        print(f"{what:34} {ours:9.0f} {theirs:9.0f} {theirs / ours:7.1f}")
    print(f"{'toolstackd: resident KiB':34} {pick(rows, 'daemon-rss-kib', 'zl', '0')[0][1]:9.0f}")
    print(f"{'toolstackd: restart, ms':34} {pick(rows, 'daemon-restart', 'zl', '0')[0][1] * 1000:9.1f}")
    print(f"(medians; targets: xl/zl at least {TARGET:g} for create and list, zl growth near 1)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench create", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="domains of each tool at the most (default 50)")
    parser.add_argument("--memory", type=int, default=3072 + 4096, help="MiB of the whole machine")
    args = parser.parse_args()
    try:
        rows = measure(args.count, args.memory)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    out = HERE.parent.parent / "build/bench"
    out.mkdir(parents=True, exist_ok=True)
    with (out / "create.csv").open("w") as file:
        writer = csv.DictWriter(file, ["verb", "tool", "devices", "n", "seconds"])
        writer.writeheader()
        writer.writerows(rows)
    lines = {f"{tool} create, {label}": sorted((n, s * 1000) for n, s in pick(rows, "create", tool, devices))
             for tool in ("zl", "xl") for devices, label in (("0", "no devices"), ("1", "disk and vif"))}
    (out / "create.svg").write_text(svg.chart("Creating the n-th domain", "domains of each tool", "ms", lines))
    table(rows)
    print(f"written: {out / 'create.csv'}, {out / 'create.svg'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
