"""What a layout is made of: boxes and lines at their places, and how wide a text is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from streams.console.diagram.outline import Block

Point = tuple[float, float]

TO_END, TO_LEAVE = "#end", "#leave"  # targets of lines that are no tasks

NARROW = frozenset("iljtfrI.,:;|!'`()[]{} /")
WIDE = frozenset("mwMW@%&")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A task, a frame, or a mark, at its place."""

    x: float
    y: float
    width: float
    height: float
    form: str  # task, switch, frame, handler, start, end
    block: Block | None = None
    note: str = ""  # of a handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A way for the flow, corner by corner. `source` and `target` are pointers, or what else the flow comes from and
    goes to: the start (empty), the end, out of a list."""

    points: tuple[Point, ...]
    source: str = ""
    target: str = ""
    label: str = ""
    label_at: Point | None = None
    style: str = "on"  # on, back, error
    arrow: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A part of a diagram: it is entered at (`axis`, 0) and left at (`axis`, `height`)."""

    width: float
    height: float
    axis: float
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    leaves: bool = True  # whether the flow goes on behind it

    def at(self, x: float, y: float) -> tuple[list[Box], list[Line]]:
        """Its boxes and lines with its corner at this place."""
        boxes = [replace(box, x=box.x + x, y=box.y + y) for box in self.boxes]
        return boxes, [_moved(line, x, y) for line in self.lines]


def _moved(line: Line, x: float, y: float) -> Line:
    label = line.label_at
    return replace(
        line,
        points=tuple((px + x, py + y) for px, py in line.points),
        label_at=(label[0] + x, label[1] + y) if label else None,
    )


def text_width(text: str, size: float) -> float:
    """About how wide a text is, in a sans serif font of this size."""
    return size * sum(0.33 if c in NARROW else 0.88 if c in WIDE else _width(c) for c in text)


def _width(char: str) -> float:
    if ord(char) >= 0x2E80:
        return 1.05
    return 0.68 if char.isupper() else 0.58


def cut(text: str, most: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def corners(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points of a line without those that change nothing."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and _straight(kept[-2], kept[-1], point):
            kept[-1] = point
        else:
            kept.append(point)
    return tuple(kept)


def _straight(a: Point, b: Point, c: Point) -> bool:
    return (a[0] == b[0] == c[0] and (b[1] - a[1]) * (c[1] - b[1]) >= 0) or (
        a[1] == b[1] == c[1] and (b[0] - a[0]) * (c[0] - b[0]) >= 0
    )
