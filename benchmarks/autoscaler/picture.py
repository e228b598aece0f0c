"""What happened, as an SVG: load and throughput, lag, and copies over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, PANEL, GAP, LEFT, TOP = 900, 150, 46, 70, 40
_STROKE = 'fill="none" stroke-width="1.6" stroke-linejoin="round"'
_COLOURS = ("#1f6feb", "#d1571b", "#2a7d3f")


class Point(NamedTuple):
    """One look at the autoscaler."""

    at_seconds: float
    published: float
    """Messages a second."""

    stored: float
    lag: int
    copies: int
    wanted: int
    event: str = ""


class _Line(NamedTuple):
    name: str
    value: Callable[[Point], float]
    is_stepped: bool = False


_PANELS: Sequence[tuple[str, Sequence[_Line]]] = (
    (
        "messages a second",
        (
            _Line("published", lambda p: p.published),
            _Line("stored", lambda p: p.stored),
        ),
    ),
    ("messages that wait for the durable", (_Line("lag", lambda p: p.lag),)),
    (
        "copies",
        (
            _Line("wanted", lambda p: p.wanted, is_stepped=True),
            _Line("running", lambda p: p.copies, is_stepped=True),
        ),
    ),
)


def svg(points: Sequence[Point], title: str) -> str:
    """Return the picture of *points*, of which there are two at least."""
    height = TOP + len(_PANELS) * (PANEL + GAP) + 10
    size = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="15" font-size="15">{escape(title)}</text>',
    ]
    for place, (name, lines) in enumerate(_PANELS):
        top = TOP + place * (PANEL + GAP)
        parts += _panel(points, name, lines, top)
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    points: Sequence[Point], name: str, lines: Sequence[_Line], top: float
) -> list[str]:
    first, last = points[0].at_seconds, points[-1].at_seconds
    bottom, right = top + PANEL, WIDTH - 20
    most = max(max(line.value(p) for p in points) for line in lines) or 1.0

    def x(at_seconds: float) -> float:
        return LEFT + (right - LEFT) * (at_seconds - first) / (last - first)

    def y(value: float) -> float:
        return top + PANEL - PANEL * value / (most * 1.08)

    at_end = 'text-anchor="end"'
    parts = [
        f'<text x="{LEFT}" y="{top - 6}">{escape(name)}</text>',
        f'<path d="M{LEFT},{top}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{LEFT - 6}" y="{y(most) + 4:.1f}" {at_end}>{most:,.0f}</text>',
        f'<text x="{LEFT - 6}" y="{bottom}" {at_end}>0</text>',
        f'<text x="{LEFT}" y="{bottom + 16}">{first:.0f} s</text>',
        f'<text x="{right}" y="{bottom + 16}" {at_end}>{last:.0f} s</text>',
    ]
    for number, line in enumerate(lines):
        colour = _COLOURS[number]
        steps = [f"M{x(first):.1f},{y(line.value(points[0])):.1f}"]
        for point in points[1:]:
            at, value = x(point.at_seconds), y(line.value(point))
            steps.append(
                f"H{at:.1f}V{value:.1f}"
                if line.is_stepped
                else f"L{at:.1f},{value:.1f}"
            )
        parts.append(f'<path d="{"".join(steps)}" {_STROKE} stroke="{colour}"/>')
        parts.append(
            f'<text x="{LEFT + 260 + 110 * number}" y="{top - 6}" '
            f'fill="{colour}">{escape(line.name)}</text>'
        )
    for point in points:
        if point.event:
            at = x(point.at_seconds)
            parts.append(
                f'<path d="M{at:.1f},{top}V{bottom}" stroke="#b00" '
                f'stroke-dasharray="2 3"><title>{escape(point.event)}</title></path>'
            )
    return parts
