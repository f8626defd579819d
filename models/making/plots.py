"""Plots of a model's page as SVG: points over two axes, and bars. Pure; every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 460, 300
LEFT, TOP, RIGHT, BOTTOM = 56, 14, 14, 46
BAR, LINE = 260, 20


class Point(NamedTuple):
    """A place with what is told of it."""

    x: float
    y: float
    told: str


class Axes:
    """Two axes from nothing to the next tenth above the largest value, and what is drawn between them."""

    def __init__(self, x: str, y: str, largest_x: float, largest_y: float) -> None:
        self._x, self._y = _end(largest_x), _end(largest_y)
        self._label = f"{y} over {x}"
        self._parts = [self._upright(), self._level()]
        middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
        self._parts.append(f'<text x="{middle_x}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x)}</text>')
        turned = f'transform="translate(14 {middle_y}) rotate(-90)" text-anchor="middle"'
        self._parts.append(f"<text {turned}>{escape(y)}</text>")

    def line(self, kind: str, points: Sequence[tuple[float, float]]) -> None:
        """A line from point to point."""
        places = " ".join(f"{self._place_x(x):.1f},{self._place_y(y):.1f}" for x, y in points)
        self._parts.append(f'<polyline class="{kind}" points="{places}"/>')

    def points(self, kind: str, points: Sequence[Point], radius: int = 4) -> None:
        """A dot for each point."""
        self._parts += [
            f'<circle class="{kind}" cx="{self._place_x(each.x):.1f}" cy="{self._place_y(each.y):.1f}" r="{radius}">'
            f"<title>{escape(each.told)}</title></circle>"
            for each in points
        ]

    @property
    def end(self) -> tuple[float, float]:
        """Where the axes end."""
        return self._x, self._y

    def drawn(self) -> str:
        """The plot."""
        head = f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self._label)}">'
        return head + "".join(self._parts) + "</svg>"

    def _place_x(self, x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, x / self._x)

    def _place_y(self, y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, y / self._y)

    def _upright(self) -> str:
        """The lines of the values of x, each with its value."""
        steps = [(step, self._place_x(step)) for step in _steps(self._x)]
        return "".join(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{step:.0%}</text>'
            for step, x in steps
        )

    def _level(self) -> str:
        """The lines of the values of y, each with its value."""
        steps = [(step, self._place_y(step)) for step in _steps(self._y)]
        return "".join(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{step:.0%}</text>'
            for step, y in steps
        )


def bar(size: float, largest: float) -> str:
    """A bar as long as its size is among others."""
    width = max(1.0, round(BAR * size / largest, 1)) if largest > 0 else 1.0
    return (
        f'<svg class="bar" viewBox="0 0 {BAR} {LINE}" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect x="0" y="4" width="{width}" height="{LINE - 8}"/></svg>'
    )


def _end(largest: float) -> float:
    return min(1.0, max(0.1, math.ceil(largest * 10 - 1e-9) / 10))


def _steps(end: float) -> list[float]:
    """Round values from nothing to the end of an axis."""
    size = 0.02 if end <= 0.1 else 0.05 if end <= 0.3 else 0.1
    return [size * n for n in range(round(end / size) + 1)]
