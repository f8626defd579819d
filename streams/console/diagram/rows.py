"""A grid with coordinates: columns as wide as what stands in them, rows with gaps that have room for their lines. Pure.

A gap holds, from above: one track for each line that runs across it, and room for a label above what comes next. So two
lines that run across the same gap never lie on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from streams.console.diagram.grid import CHANNEL, LANE, SIDE, STRAIGHT, Grid, Way, ends, grid
from streams.console.diagram.outline import END, LEAVE, Listing
from streams.console.diagram.shapes import TO_END, TO_LEAVE, Box, Line, Picture, Point, corners, cut, text_width

BETWEEN = 28.0  # columns
LEAST_GAP, TRACK, LABEL = 30.0, 24.0, 24.0
LANE_WIDTH = 16.0
END_SIZE = 16.0
MOST_LABEL = 22


@dataclass
class _Places:
    """Where columns, rows, lanes and tracks are."""

    axis: list[float] = field(default_factory=list)  # of each column
    top: list[float] = field(default_factory=list)  # of each row
    low: list[float] = field(default_factory=list)  # bottom of each row
    track: dict[int, float] = field(default_factory=dict)  # y, by way
    lane: dict[int, float] = field(default_factory=dict)  # x, by way
    width: float = 0


def place(listing: Listing, pictures: Sequence[Picture], *, root: bool) -> Picture:
    """The picture of a list, of the pictures of its items."""
    made = grid(listing, root=root)
    pictures = [
        _with_end(block.pointer, each) if ends(listing, number, root=root) else each
        for number, (block, each) in enumerate(zip(listing.items, pictures, strict=True))
    ]
    leaves = _drop_plain_leave(made)
    cells = [_cell(made, number, pictures) for number in range(len(made.cells))]
    places = _measure(made, cells)
    boxes: list[Box] = []
    lines: list[Line] = []
    for cell, picture in zip(made.cells, cells, strict=True):
        inside, ways = picture.at(places.axis[cell.column] - picture.axis, places.top[cell.row])
        boxes += inside
        lines += ways
    names = [_name(cell.item, listing) for cell in made.cells]
    lines += [_line(made, number, cells, places, names) for number in range(len(made.ways))]
    return Picture(
        width=places.width,
        height=places.low[-1],
        axis=places.axis[0],
        boxes=tuple(boxes),
        lines=tuple(lines),
        leaves=leaves,
    )


def _cell(made: Grid, number: int, pictures: Sequence[Picture]) -> Picture:
    item = made.cells[number].item
    if item == LEAVE:
        return Picture(width=0, height=0, axis=0)
    if item == END:
        return Picture(width=END_SIZE, height=END_SIZE, axis=END_SIZE / 2, boxes=(_end(END_SIZE / 2, 0),))
    return pictures[item]


def _name(item: int, listing: Listing) -> str:
    return {LEAVE: TO_LEAVE, END: TO_END}.get(item) or listing.items[item].pointer


def _end(x: float, y: float) -> Box:
    return Box(x=x - END_SIZE / 2, y=y, width=END_SIZE, height=END_SIZE, form="end")


def _with_end(pointer: str, picture: Picture) -> Picture:
    """A task with the end of the workflow attached."""
    top = picture.height + 20
    line = Line(points=((picture.axis, picture.height), (picture.axis, top)), source=pointer, target=TO_END)
    height = top + END_SIZE
    boxes = (*picture.boxes, _end(picture.axis, top))
    return replace(picture, height=height, boxes=boxes, lines=(*picture.lines, line), leaves=False)


def _drop_plain_leave(made: Grid) -> bool:
    """Whether the list can be left; where only its last task does so, straight down, it needs no place of its own."""
    number = next((number for number, cell in enumerate(made.cells) if cell.item == LEAVE), None)
    if number is None:
        return False
    if number < len(made.cells) - 1:
        return True
    ways = [way for way in made.ways if way.target == number]
    alone = [cell for cell in made.cells if cell.row == made.cells[number].row - 1]
    if len(ways) == 1 and ways[0].kind == STRAIGHT and len(alone) == 1 and ways[0].source == made.cells.index(alone[0]):
        made.ways.remove(ways[0])
        made.cells.pop()
    return True


def _measure(made: Grid, cells: Sequence[Picture]) -> _Places:
    places = _Places()
    lanes = _lanes(made)
    x = -sum(width for _, width in lanes)
    for number, width in reversed(lanes):
        places.lane[number] = x + width / 2
        x += width
    offset = -(sum(width for _, width in lanes)) if lanes else 0.0
    right = 0.0
    for column in range(made.columns):
        inside = [picture for cell, picture in zip(made.cells, cells, strict=True) if cell.column == column]
        left_of = max((picture.axis for picture in inside), default=0.0)
        right_of = max((picture.width - picture.axis for picture in inside), default=0.0)
        labels = [_label_width(way) / 2 for way in made.ways if made.cells[way.target].column == column]
        left_of, right_of = max([left_of, *labels]), max([right_of, *labels])
        start = right + (BETWEEN if column else 0.0)
        places.axis.append(start + left_of)
        right = start + left_of + right_of
    y = 0.0
    for row in range(made.rows):
        height = max((p.height for cell, p in zip(made.cells, cells, strict=True) if cell.row == row), default=0.0)
        places.top.append(y)
        places.low.append(y + height)
        y = _gap(made, row, y + height, places)
    _shift(places, -offset)
    places.width = right - offset
    return places


def _shift(places: _Places, by: float) -> None:
    places.axis = [x + by for x in places.axis]
    places.lane = {number: x + by for number, x in places.lane.items()}


def _lanes(made: Grid) -> list[tuple[int, float]]:
    """The ways that run along the left, from the inside out, each with the width of its lane: short ones inside."""
    ways = [number for number, way in enumerate(made.ways) if way.kind == LANE]
    ways.sort(key=lambda number: (_span(made, made.ways[number]), number))
    return [(number, max(LANE_WIDTH, _label_width(made.ways[number]) + 8)) for number in ways]


def _span(made: Grid, way: Way) -> int:
    return abs(made.cells[way.source].row - made.cells[way.target].row)


def _gap(made: Grid, row: int, y: float, places: _Places) -> float:
    """The tracks of the gap below a row; gives where the next row begins."""
    y += 10
    labelled = False
    for number, way in enumerate(made.ways):
        source, target = made.cells[way.source], made.cells[way.target]
        across = (way.kind == CHANNEL and source.row == row) or (
            way.kind == LANE
            and ((source.column > 0 and source.row == row) or (_enters_above(made, way) and target.row - 1 == row))
        )
        if across:
            key = (
                number if not (way.kind == LANE and _enters_above(made, way) and target.row - 1 == row) else -number - 1
            )
            places.track[key] = y + TRACK / 2 if way.kind == CHANNEL and way.link.label else y + 6
            y += TRACK if way.kind == CHANNEL and way.link.label else 12
        labelled |= bool(way.link.label) and (
            (way.kind == STRAIGHT and source.row == row) or (way.kind == SIDE and target.row - 1 == row)
        )
    return y + (LABEL if labelled else 0) + (LEAST_GAP - 10)


def _enters_above(made: Grid, way: Way) -> bool:
    """Whether a way along a lane ends at the top of its target: those of the first column are entered at the side."""
    return made.cells[way.target].column > 0


def _label_width(way: Way) -> float:
    return text_width(cut(way.link.label, MOST_LABEL), 11) + 18 if way.link.label else 0.0


def _line(made: Grid, number: int, cells: Sequence[Picture], places: _Places, names: Sequence[str]) -> Line:
    way = made.ways[number]
    source, target = made.cells[way.source], made.cells[way.target]
    picture = cells[way.source]
    x, x2 = places.axis[source.column], places.axis[target.column]
    top, bottom = places.top[source.row], places.top[source.row] + picture.height
    end = places.top[target.row]
    middle = top + min(picture.height / 2, 22)
    label_at: Point = (x2, end - 14 - LABEL / 2)
    points: list[Point]
    match way.kind:
        case "straight":
            points = [(x, bottom), (x, end)]
            label_at = (x, places.top[source.row + 1] - 14 - LABEL / 2)
        case "side":
            points = [(x - picture.axis + picture.width, middle), (x2, middle), (x2, end)]
        case "channel":
            track = places.track[number]
            points = [(x, bottom), (x, track), (x2, track), (x2, end)]
            label_at = ((x + x2) / 2, track)
        case _:
            points, label_at = _along(made, number, cells, places)
    return Line(
        points=corners(points),
        source=names[way.source],
        target=names[way.target],
        label=cut(way.link.label, MOST_LABEL),
        label_at=label_at if way.link.label else None,
        style="back" if way.back else "on",
        arrow=target.item != LEAVE,
    )


def _along(made: Grid, number: int, cells: Sequence[Picture], places: _Places) -> tuple[list[Point], Point]:
    """A line along its lane: out of the left side of what stands in the first column, else through the gap below it."""
    way = made.ways[number]
    source, target = made.cells[way.source], made.cells[way.target]
    picture, aim, lane = cells[way.source], cells[way.target], places.lane[number]
    x, x2 = places.axis[source.column], places.axis[target.column]
    top, end = places.top[source.row], places.top[target.row]
    shift = 5.0 * sum(1 for other in made.ways[:number] if other.kind == LANE and other.source == way.source)
    if source.column == 0:
        start = top + min(picture.height / 2, 22) + shift
        points: list[Point] = [(x - picture.axis, start), (lane, start)]
    else:
        start = places.track[number]
        points = [(x, top + picture.height), (x, start), (lane, start)]
    if _enters_above(made, way):
        track = places.track[-number - 1] if target.row else end - 10
        points += [(lane, track), (x2, track), (x2, end)]
        goal = track
    else:
        shift2 = 6.0 * sum(1 for other in made.ways[:number] if other.kind == LANE and other.target == way.target)
        goal = end + min(aim.height / 2, 14) + (shift2 if aim.height else 0.0)
        points += [(lane, goal), (x2 - aim.axis, goal)]
    down = 1 if goal > start else -1
    return points, (lane, start + down * min(24.0, abs(goal - start) / 2))
