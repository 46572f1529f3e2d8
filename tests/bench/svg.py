# SPDX-License-Identifier: Apache-2.0
"""A line chart as SVG text: enough for a benchmark's picture, with nothing to install."""
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


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
