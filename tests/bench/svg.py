# SPDX-License-Identifier: Apache-2.0
"""Charts as SVG text: enough for a benchmark's picture, with nothing to install."""
from html import escape

WIDTH, HEIGHT, MARGIN = 760, 420, 60
COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#edae49", "#6a4c93", "#444444")


def chart(title: str, x_label: str, y_label: str, lines: dict[str, list[tuple[float, float]]]) -> str:
    """One polyline per name over its (x, y) points; both axes start at zero."""
    points = [point for line in lines.values() for point in line]
    x_most = max((x for x, _ in points), default=1) or 1
    y_most = max((y for _, y in points), default=1) or 1

    def place(x, y):
        return (MARGIN + x / x_most * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - y / y_most * (HEIGHT - 2 * MARGIN))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           _text(WIDTH / 2, 24, title, "middle", 15), _text(WIDTH / 2, HEIGHT - 16, x_label, "middle"),
           _text(MARGIN - 8, MARGIN - 14, y_label, "start")]
    for part in range(5):
        x, y = x_most * part / 4, y_most * part / 4
        left, level = place(0, y)
        right, _ = place(x_most, y)
        out.append(f'<line x1="{left}" y1="{level:.1f}" x2="{right}" y2="{level:.1f}" stroke="#ddd"/>')
        out.append(_text(left - 6, level + 4, f"{y:.3g}", "end"))
        across, bottom = place(x, 0)
        out.append(_text(across, bottom + 18, f"{x:.3g}", "middle"))
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join("%.1f,%.1f" % place(x, y) for x, y in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<rect x="{MARGIN + 12}" y="{MARGIN + 4 + 18 * number}" width="12" height="4" fill="{colour}"/>')
        out.append(_text(MARGIN + 30, MARGIN + 10 + 18 * number, name, "start"))
    return "\n".join(out + ["</svg>"]) + "\n"


def bars(title: str, series: dict[str, list[tuple[str, float]]]) -> str:
    """Horizontal bars, a group for each label, a line at 1."""
    labels = [label for label, _ in next(iter(series.values()), [])]
    most = max((value for line in series.values() for _, value in line), default=1) or 1
    most, left, row = max(most, 1.0), 150, 14
    step = row * len(series) + 10
    height = MARGIN + step * len(labels) + 24 * len(series) + 10
    scale = (WIDTH - left - MARGIN) / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>', _text(WIDTH / 2, 24, title, "middle", 15)]
    for group, label in enumerate(labels):
        top = MARGIN + group * step
        out.append(_text(left - 8, top + step / 2, label, "end"))
        for number, line in enumerate(series.values()):
            width = line[group][1] * scale
            out.append(f'<rect x="{left}" y="{top + number * row}" width="{width:.1f}" height="{row - 2}"'
                       f' fill="{COLOURS[number % len(COLOURS)]}"/>')
            out.append(_text(left + width + 6, top + number * row + 10, f"{line[group][1]:.2f}", "start", 10))
    bottom = MARGIN + step * len(labels)
    out.append(f'<line x1="{left + scale:.1f}" y1="{MARGIN - 8}" x2="{left + scale:.1f}" y2="{bottom}" stroke="#444"/>')
    for number, name in enumerate(series):
        out.append(f'<rect x="{left}" y="{bottom + 10 + 24 * number}" width="12" height="12"'
                   f' fill="{COLOURS[number % len(COLOURS)]}"/>')
        out.append(_text(left + 20, bottom + 20 + 24 * number, name, "start"))
    return "\n".join(out + ["</svg>"]) + "\n"


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
