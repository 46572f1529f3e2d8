# SPDX-License-Identifier: Apache-2.0
"""The parts of the benches that need no dom0: the kernel of one page, the sums, the picture."""
import struct
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TREE), str(TREE / "tests/bench")]
import create  # noqa: E402
import primitives  # noqa: E402
import svg  # noqa: E402
import tiny_kernel  # noqa: E402


def rows(*, zl_ms: float, xl_ms: float, count: int = 10) -> create.Rows:
    made = []
    for guest in create.KINDS:
        for tool, ms in (("zl", zl_ms), ("xl", xl_ms)):
            for verb in ("create", "list", "destroy"):
                made += [{"verb": verb, "tool": tool, "guest": guest, "n": n, "value": ms / 1000}
                         for n in range(1, count + 1)]
            made += [{"verb": f"{verb} in {who}", "tool": tool, "guest": guest, "n": n, "value": n / 1000}
                     for verb in ("create", "destroy") for who in ("toolstackd", "xenstored")
                     for n in range(1, count + 1) if tool == "zl" or who == "xenstored"]
            for verb in ("create requests", "destroy requests"):
                made.append({"verb": verb, "tool": tool, "guest": guest, "n": 1, "value": ms})
    for verb, guest in (("cold create", "linux"), ("daemon start", "none"), ("daemon KiB", "none")):
        made.append({"verb": verb, "tool": "zl", "guest": guest, "n": 0, "value": 1.0})
    return create.Rows(made + [{"verb": "empty process", "tool": "none", "guest": "none", "n": 0, "value": 0.002}])


def test_the_table_shows_medians_and_their_ratio(capsys):
    create.table(rows(zl_ms=20, xl_ms=250), "ms")
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("create, no devices"))
    assert lines[at].split()[3:] == ["20.0", "250.0", "12.5", "1.00", "1.00"]
    assert lines[at + 1].split() == ["of", "it", "toolstackd", "5.5", "6.33"]
    assert lines[at + 2].split() == ["of", "it", "xenstored", "5.5", "5.5", "6.33", "6.33"]


def test_progress_takes_whole_lines_and_shows_every_tenth_domain(capsys):
    progress = create.Progress(20)
    for part in (b"create,zl,plain,10,0.0", b"2\ncreate,zl,plain,11,0.03\ncreate in xenstored,zl,plain,", b"10,1\n"):
        progress.take(part)
    assert capsys.readouterr().err == "bench: zl create, no devices: domain 10, 20.0\n"
    assert len(progress.text().splitlines()) == 3


@pytest.mark.parametrize("values, expected", [([5] * 20, 1.0), ([1] * 10 + [3] * 10, 3.0), ([4], 1.0)])
def test_growth_compares_the_last_fifth_with_the_first(values, expected):
    assert create.growth([(n, v) for n, v in enumerate(values, 1)]) == expected


def test_the_plot_is_a_picture_with_one_line_a_series():
    root = ElementTree.fromstring(create.plot(rows(zl_ms=20, xl_ms=250), "ms"))
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 4
    ElementTree.fromstring(svg.chart("<&>", "x", "y", {}))


def test_the_kernel_of_one_page_is_an_executable_with_xens_notes():
    image = tiny_kernel.image()
    assert len(image) == 4096 and image[:4] == b"\x7fELF"
    entry, first = struct.unpack_from("<QQ", image, 24)
    kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", image, first)
    assert (kind, offset, size) == (1, 0, 4096)
    code = image[entry - address:]
    # What is polled for: no ports, no time-out (struct sched_poll).
    assert image[tiny_kernel.POLL_AT:tiny_kernel.POLL_AT + 24] == bytes(24)
    assert code.startswith(tiny_kernel.code()) and code[len(tiny_kernel.code()) - 4:][:2] == b"\x0f\x05"
    kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", image, first + 56)
    notes, at, seen = image[offset:offset + size], 0, {}
    while at < len(notes):
        name, length, number = struct.unpack_from("<III", notes, at)
        assert (name, notes[at + 12:at + 16]) == (4, b"Xen\0")
        seen[number] = notes[at + 16:at + 16 + length]
        at += 16 + (length + 3) // 4 * 4
    assert kind == 4 and struct.unpack("<Q", seen[tiny_kernel.ENTRY])[0] == entry
    assert seen[tiny_kernel.XEN_VERSION] == b"xen-3.0\0"


def test_the_steps_of_a_create_are_added_up_a_run(capsys):
    made = [{"verb": f"step {name}", "tool": "zl", "guest": "plain", "n": n, "value": value}
            for n in (1, 2) for name, value in (("db.commit", 0.001), ("hv.build", 0.004), ("db.commit", 0.002))]
    create.breakdown(create.Rows(made), "ms")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert lines == [["db.commit", "3.00"], ["hv.build", "4.00"]]


def test_the_hog_never_leaves_its_page_and_comes_back_to_its_start():
    image = tiny_kernel.image(tiny_kernel.HOG)
    assert len(image) == 4096 and image[tiny_kernel.CODE_AT:].startswith(tiny_kernel.HOG)
    distance, = struct.unpack("<i", tiny_kernel.HOG[-4:])
    assert distance == -len(tiny_kernel.HOG)


def test_ratios_and_their_mean_leave_out_what_was_not_measured():
    results = primitives.Results({("xen", "dom0"): {"stat": 200, "pipe": 100}, ("core", "dom0"): {"stat": 100, "pipe": 50}})
    assert results.ratio("dom0", "stat") == 0.5 and results.ratio("dom0", "signal") is None
    assert results.mean("dom0") == pytest.approx(0.5) and results.mean("guest") is None
    assert primitives.values("x\nprobe stat 12\nprobe pipe 7 \n") == {"stat": 12, "pipe": 7}


def test_the_bars_are_a_picture():
    root = ElementTree.fromstring(svg.bars("<&>", {"a": [("x", 0.5), ("y", 1.5)], "b": [("x", 1.0), ("y", 0.0)]}))
    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) == 1 + 4 + 2
