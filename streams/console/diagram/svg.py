"""A picture as SVG. Texts are escaped, colours are classes: `diagram.css` has them, in both schemes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup, escape

from streams.console.diagram.layout import MOST_NOTE, MOST_TITLE
from streams.console.diagram.outline import Block
from streams.console.diagram.shapes import Box, Line, Picture, cut, text_width
from streams.console.rendering import visible
from streams.console.words import number, status_word

STYLE = Path(__file__).parents[1] / "static" / "diagram.css"
RADIUS = 7.0

ICONS: Mapping[str, str] = {
    "decide": "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM8 1v3m0 8v3M1 8h3m8 0h3",
    "human": "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5.500 6c0-3 2.500-4.500 5.500-4.500s5.500 1.500 5.500 4.500",
    "switch": "M8 2l6 6-6 6-6-6Z",
    "set": "M2.500 5.500h11m-11 5h11",
    "wait": "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2.500V8l2.500 1.500",
    "raise": "M8 2.500v7m0 3v1",
    "fork": "M8 14V2M3 2v4a2 2 0 0 0 2 2h6a2 2 0 0 0 2-2V2",
    "for": "M13.500 8a5.500 5.500 0 1 1-2-4.200M13.500 1.500v3h-3",
    "try": "M8 1.500 13.500 4v4c0 3-2.300 5.300-5.500 6.500C4.800 13.300 2.500 11 2.500 8V4Z",
    "do": "M3 4h10M3 8h10M3 12h10",
    "sql": "M2.500 4c0-3 11-3 11 0s-11 3-11 0v8c0 3 11 3 11 0V4m-11 4c0 3 11 3 11 0",
}
CALL = "M2 8h11M9 4l4 4-4 4"
MARKS: Mapping[str, str] = {
    "completed": "M-3 .2-1 2.200 3-2",
    "waiting": "M0-2.500V.3l2 1.200",
    "retrying": "M2.200-1.500a2.700 2.700 0 1 0 .4 2.300M2.500-3v1.700H.8",
    "faulted": "M-2.200-2.200 2.200 2.200m0-4.400-4.400 4.400",
    "incident": "M0-3v3.500m0 2.200v.3",
    "cancelled": "M-2.500 0h5",
    "running": "M-.1 0h.2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where an instance is with a task, or how many instances are there."""

    status: str = ""  # of one instance
    took: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)  # instances by status


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a picture tells besides its workflow."""

    states: Mapping[str, State] = field(default_factory=dict)  # by pointer
    passed: Collection[tuple[str, str]] = ()  # lines by which an instance went, by source and target
    ended: bool = False
    links: Mapping[str, str] = field(default_factory=dict)  # pages of tasks, by pointer
    alone: bool = False  # in a file of its own, which has to bring its style along
    title: str = "Workflow"
    id: str = "d"  # tells the parts of several pictures of one page apart


def svg(picture: Picture, told: Told | None = None) -> Markup:
    """The picture as an SVG element."""
    told = told or Told()
    live = "" if any(state.status for state in told.states.values()) else " plain"
    width, height = _n(picture.width), _n(picture.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow{live}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="group" aria-label="{_text(told.title)}">',
        f"<style>{STYLE.read_text()}</style>" if told.alone else "",
        "<defs>",
        *(_marker(told.id, name) for name in ("off", "on", "error")),
        "</defs>",
    ]
    lines = sorted(picture.lines, key=lambda line: _passed(line, told))
    frames = [box for box in picture.boxes if box.form in ("frame", "handler")]
    parts += [_frame(box, told) for box in frames]
    parts += [_line(line, told) for line in lines]
    parts += [_box(box, told) for box in picture.boxes if box not in frames]
    parts += [_label(line, told) for line in lines if line.label_at]
    return Markup("".join(parts) + "</svg>")  # every text in it went through _text


def _marker(prefix: str, name: str) -> str:
    return (
        f'<marker id="{prefix}-{name}" class="arrow {name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .8 8 4 0 7.200Z"/></marker>'
    )


def _passed(line: Line, told: Told) -> bool:
    return (line.source, line.target) in told.passed


def _line(line: Line, told: Told) -> str:
    kind = "error" if line.style == "error" else "on" if _passed(line, told) else "off"
    names = " ".join(["line", line.style, *(["passed"] if _passed(line, told) else [])])
    arrow = f' marker-end="url(#{told.id}-{kind})"' if line.arrow else ""
    return f'<path class="{names}" d="{_path(line)}"{arrow}/>'


def _path(line: Line) -> str:
    """Corner by corner, each rounded as far as its sides are long."""
    points = line.points
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        first, second = _length(before, at), _length(at, after)
        radius = min(RADIUS, first / 2, second / 2)
        a, b = _toward(at, before, radius, first), _toward(at, after, radius, second)
        parts.append(f"L{_n(a[0])} {_n(a[1])}Q{_n(at[0])} {_n(at[1])} {_n(b[0])} {_n(b[1])}")
    parts.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(parts)


def _length(a: tuple[float, float], b: tuple[float, float]) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _toward(at: tuple[float, float], other: tuple[float, float], by: float, length: float) -> tuple[float, float]:
    share = by / length if length else 0.0
    return at[0] + (other[0] - at[0]) * share, at[1] + (other[1] - at[1]) * share


def _label(line: Line, told: Told) -> str:
    assert line.label_at is not None
    x, y = line.label_at
    width = text_width(line.label, 11) + 14
    passed = " passed" if _passed(line, told) else ""
    return (
        f'<g class="label{passed}"><rect x="{_n(x - width / 2)}" y="{_n(y - 9)}" width="{_n(width)}" height="18" '
        f'rx="9"/><text x="{_n(x)}" y="{_n(y + 4)}" text-anchor="middle">{_text(line.label)}</text></g>'
    )


def _frame(box: Box, told: Told) -> str:
    place = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" rx="11"'
    if box.block is None:
        text = f'<text class="note" x="{_n(box.x + 12)}" y="{_n(box.y + 21)}">{_text(box.note)}</text>'
        return f'<g class="handler"><rect {place}/>{text}</g>'
    block, state = box.block, told.states.get(box.block.pointer, State())
    note = (
        f'<text class="note" x="{_n(box.x + box.width - 12)}" y="{_n(box.y + 23)}" text-anchor="end">'
        f"{_text(state.took or cut(block.note, MOST_NOTE))}</text>"
    )
    inside = (
        f'<rect {place}/>{_icon(block, box.x + 12, box.y + 11)}<text class="name" x="{_n(box.x + 36)}" '
        f'y="{_n(box.y + 23)}">{_text(cut(block.title, MOST_TITLE))}</text>{note}{_badges(box, state)}'
    )
    return _grouped("frame", block, state, told, inside)


def _box(box: Box, told: Told) -> str:
    x, y, middle = box.x + box.width / 2, box.y + box.height / 2, box.height / 2
    if box.form in ("start", "end"):
        passed = " passed" if (told.passed if box.form == "start" else told.ended) else ""
        inner = f'<circle class="in" cx="{_n(x)}" cy="{_n(y)}" r="3.500"/>' if box.form == "end" else ""
        return f'<g class="{box.form}{passed}"><circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(middle - 1)}"/>{inner}</g>'
    block = box.block
    assert block is not None
    state = told.states.get(block.pointer, State())
    round_corner = middle if box.form == "switch" else 9
    parts = [
        f'<rect class="box" x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" '
        f'rx="{_n(round_corner)}"/>',
        _icon(block, box.x + 12, y - 8),
    ]
    two = box.form != "switch" and block.note
    name_y = y - 3 if two else y + 4.5
    parts.append(
        f'<text class="name" x="{_n(box.x + 38)}" y="{_n(name_y)}">{_text(cut(block.title, MOST_TITLE))}</text>'
    )
    if two:
        parts.append(
            f'<text class="note" x="{_n(box.x + 38)}" y="{_n(y + 13)}">{_text(cut(block.note, MOST_NOTE))}</text>'
        )
    if state.took and box.form != "switch":
        parts.append(
            f'<text class="took" x="{_n(box.x + box.width - 9)}" y="{_n(y + 13)}" text-anchor="end">'
            f"{_text(state.took)}</text>"
        )
    parts.append(_badges(box, state))
    return _grouped("task", block, state, told, "".join(parts))


def _grouped(kind: str, block: Block, state: State, told: Told, inside: str) -> str:
    status = state.status or "none"
    said = [block.title, block.note, status_word(state.status) if state.status else "", state.took]
    said += [f"{count} {status_word(name).lower()}" for name, count in state.counts.items() if count]
    title = f"<title>{_text(', '.join(part for part in said if part))}</title>"
    group = f'<g class="{kind} s-{_text(status)}" data-pointer="{_text(block.pointer)}">{title}{inside}</g>'
    link = told.links.get(block.pointer)
    return f'<a href="{_text(link)}">{group}</a>' if link else group


def _icon(block: Block, x: float, y: float) -> str:
    path = ICONS.get(block.kind) or ICONS.get(block.kind.partition(".")[0]) or CALL
    return f'<path class="icon" transform="translate({_n(x)} {_n(y)})" d="{path}"/>'


def _badges(box: Box, state: State) -> str:
    """Counts at the upper right corner, or the mark of where one instance is."""
    if state.status in MARKS:
        place = f"translate({_n(box.x + box.width - 2)} {_n(box.y + 2)})"
        return f'<g class="mark" transform="{place}"><circle r="6.500"/><path d="{MARKS[state.status]}"/></g>'
    parts, right = [], box.x + box.width + 6
    for status, count in reversed([each for each in state.counts.items() if each[1]]):
        text = number(count)
        width = text_width(text, 11) + 14
        parts.append(
            f'<g class="count s-{_text(status)}"><rect x="{_n(right - width)}" y="{_n(box.y - 11)}" '
            f'width="{_n(width)}" height="18" rx="9"/><text x="{_n(right - width / 2)}" y="{_n(box.y + 2)}" '
            f'text-anchor="middle">{text}</text></g>'
        )
        right -= width + 3
    return "".join(parts)


def _text(value: str) -> str:
    return str(escape(visible(value)))


def _n(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0")
