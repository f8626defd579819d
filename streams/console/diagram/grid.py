"""A list of tasks as a grid: which row and column each stands in, and by which way each link runs. Pure.

Rows are the longest way from the beginning. The spine, the longest way through, is the first column; every other task
takes the nearest column that is free in its row. A link runs straight down a column where nothing stands in between,
else along a lane on the left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from streams.console.diagram.outline import END, LEAVE, Link, Listing

STRAIGHT: Final = "straight"  # down the column of the source
SIDE: Final = "side"  # out of the right side of the source, then down the column of the target
CHANNEL: Final = "channel"  # through the gap below the source, then down the column of the target
LANE: Final = "lane"  # along the left


@dataclass(slots=True, kw_only=True)
class Cell:
    """An item of the grid: a task of the list, an end of the workflow, or the place where the list is left."""

    item: int  # of the list; LEAVE or END
    row: int = 0
    column: int = 0


@dataclass(slots=True, kw_only=True)
class Way:
    """A link between two cells, and how it runs."""

    link: Link
    source: int
    target: int
    kind: str = STRAIGHT
    back: bool = False


@dataclass(slots=True)
class Grid:
    """Cells and ways."""

    cells: list[Cell] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many there are."""
        return max(cell.row for cell in self.cells) + 1

    @property
    def columns(self) -> int:
        """How many there are."""
        return max(cell.column for cell in self.cells) + 1


def grid(listing: Listing, *, root: bool) -> Grid:
    """The grid of a list that has at least one task. What leaves the `root` ends."""
    made = Grid()
    made.cells = [Cell(item=number) for number in range(len(listing.items))]
    leave = _add_ways(made, listing, root)
    _rows(made)
    if leave is not None:  # below everything, so that whatever leaves can come to it
        others = (cell.row for number, cell in enumerate(made.cells) if number != leave)
        made.cells[leave].row = max(others) + 1
    _columns(made, leave)
    _routes(made)
    return made


def _add_ways(made: Grid, listing: Listing, root: bool) -> int | None:
    """The links as ways. Leaving the list is one cell for all; the end of the workflow is a cell of its own for each,
    but for a task that only leads there: it has its end attached (`ends`)."""
    leave: int | None = None
    for link in listing.links:
        target = END if root and link.target == LEAVE else link.target
        if ends(listing, link.source, root=root):
            continue
        if target == END:
            target = len(made.cells)
            made.cells.append(Cell(item=END))
        elif target == LEAVE:
            if leave is None:
                leave = len(made.cells)
                made.cells.append(Cell(item=LEAVE))
            target = leave
        back = link.target >= 0 and link.target <= link.source
        made.ways.append(Way(link=link, source=link.source, target=target, back=back))
    return leave


def ends(listing: Listing, item: int, *, root: bool) -> bool:
    """Whether the workflow ends behind this task, and nothing else can follow."""
    targets = {link.target for link in listing.links if link.source == item}
    return bool(targets) and targets <= ({END, LEAVE} if root else {END})


def _rows(made: Grid) -> None:
    """Forward ways lead to later cells only, so one pass in their order is enough."""
    forward = [way for way in made.ways if not way.back]
    reached = {0, *(way.target for way in forward)}
    for number, cell in enumerate(made.cells):
        if number not in reached:  # nothing leads there: below everything before it
            cell.row = max(other.row for other in made.cells[:number]) + 1
        for way in forward:
            if way.source == number:
                made.cells[way.target].row = max(made.cells[way.target].row, cell.row + 1)


def _columns(made: Grid, leave: int | None) -> None:
    spine = _spine(made)
    taken: set[tuple[int, int]] = set()
    if leave is not None:
        taken.add((made.cells[leave].row, 0))
    for number in spine:
        taken.add((made.cells[number].row, 0))
    before = {way.target: way.source for way in reversed(made.ways) if not way.back}
    order = sorted(range(len(made.cells)), key=lambda number: (made.cells[number].row, number))
    for number in order:
        cell = made.cells[number]
        if number in spine or number == leave:
            continue
        column = max(1, made.cells[before[number]].column) if number in before else 1
        while (cell.row, column) in taken:
            column += 1
        cell.column = column
        taken.add((cell.row, column))


def _spine(made: Grid) -> set[int]:
    """The longest way from the first item, one cell of each row that it passes."""
    longest = [1] * len(made.cells)
    following: dict[int, int] = {}
    for number in reversed(range(len(made.cells))):
        for way in made.ways:
            near = made.cells[way.target].row == made.cells[number].row + 1 or made.cells[way.target].item == LEAVE
            if way.source == number and not way.back and near and longest[way.target] >= longest[number]:
                longest[number], following[number] = 1 + longest[way.target], way.target
    spine, at = set(), 0
    while True:
        spine.add(at)
        if at not in following:
            return spine
        at = following[at]


def _routes(made: Grid) -> None:
    standing = {(cell.row, cell.column) for cell in made.cells}
    used: dict[tuple[int, int], int] = {}  # column and row that a line runs down: to which target
    sides: set[int] = set()  # sources whose right side is taken
    for way in sorted(made.ways, key=lambda way: (way.back, _length(made, way))):
        way.kind = _route(made, way, standing, used, sides)
        source, target = made.cells[way.source], made.cells[way.target]
        if way.kind == SIDE:
            sides.add(way.source)
            used.update({(target.column, row): way.target for row in range(source.row, target.row)})
        elif way.kind in (STRAIGHT, CHANNEL):
            used.update({(target.column, row): way.target for row in range(source.row + 1, target.row)})


def _length(made: Grid, way: Way) -> int:
    return abs(made.cells[way.target].row - made.cells[way.source].row)


def _route(
    made: Grid, way: Way, standing: set[tuple[int, int]], used: dict[tuple[int, int], int], sides: set[int]
) -> str:
    source, target = made.cells[way.source], made.cells[way.target]
    if way.back:
        return LANE

    def free(rows: range, column: int) -> bool:
        return all((row, column) not in standing and used.get((column, row), way.target) == way.target for row in rows)

    if not free(range(source.row + 1, target.row), target.column):
        return LANE
    if source.column == target.column:
        return STRAIGHT
    right = target.column > source.column and way.source not in sides
    passed = [(source.row, column) for column in range(source.column + 1, target.column + 1)]
    if right and not any(place in standing or place[::-1] in used for place in passed):
        return SIDE
    return CHANNEL
