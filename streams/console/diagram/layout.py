"""Places for everything: a grid becomes coordinates, and frames go around grids. Pure.

`narrow` stacks what would stand side by side (branches, handlers), so that a telephone and a wide window get two
layouts of the same code.
"""

from __future__ import annotations

from dataclasses import replace

from streams.console.diagram.outline import Block, Listing
from streams.console.diagram.rows import place
from streams.console.diagram.shapes import TO_LEAVE, Box, Line, Picture, corners, cut, text_width

NODE_HEIGHT, SWITCH_HEIGHT = 44.0, 32.0
LEAST_WIDTH, MOST_TITLE, MOST_NOTE = 128.0, 30, 34
ROOM = 46.0  # for the icon on the left and the edge on the right
HEAD, PAD, GAP, BUS = 38.0, 14.0, 16.0, 20.0
MARGIN = 14.0
START = 9.0
HANDLED = "#handled"  # target of the line by which a handler is left


def layout(listing: Listing, *, narrow: bool = False) -> Picture:
    """The picture of a whole workflow, with its start."""
    if not listing.items:
        return Picture(width=2 * MARGIN, height=2 * MARGIN, axis=MARGIN)
    inner = place(listing, [_block(block, narrow) for block in listing.items], root=True)
    top = MARGIN + 2 * START + 26
    boxes, lines = inner.at(MARGIN, top)
    axis = inner.axis + MARGIN
    start = Box(x=axis - START, y=MARGIN, width=2 * START, height=2 * START, form="start")
    first = Line(points=((axis, MARGIN + 2 * START), (axis, top)), target=listing.items[0].pointer)
    return Picture(
        width=inner.width + 2 * MARGIN,
        height=inner.height + top + MARGIN,
        axis=axis,
        boxes=(start, *boxes),
        lines=(first, *lines),
    )


def _list(listing: Listing, narrow: bool) -> Picture:
    if not listing.items:
        return Picture(width=0, height=0, axis=0)
    return place(listing, [_block(block, narrow) for block in listing.items], root=False)


def _block(block: Block, narrow: bool) -> Picture:
    if block.handler is not None:
        return _with_handler(block, narrow)
    if block.kind == "fork":
        branches = [_list(each, narrow) for each in block.lists]
        return _stacked(block, branches) if narrow and len(branches) > 1 else _beside(block, branches)
    if block.lists:
        return _framed(block, _list(block.lists[0], narrow))
    width = max(
        LEAST_WIDTH,
        ROOM + text_width(cut(block.title, MOST_TITLE), 13) + 6,
        ROOM + text_width(cut(block.note, MOST_NOTE), 11.5) + 64,  # and how long it took
    )
    width, height = round(width), SWITCH_HEIGHT if block.kind == "switch" else NODE_HEIGHT
    form = "switch" if block.kind == "switch" else "task"
    box = Box(x=0, y=0, width=width, height=height, form=form, block=block)
    return Picture(width=width, height=height, axis=width / 2, boxes=(box,), leaves=block.kind != "raise")


def _head_width(block: Block) -> float:
    return ROOM + text_width(cut(block.title, MOST_TITLE), 13) + text_width(cut(block.note, MOST_NOTE), 11.5) + 30


def _frame(block: Block, width: float, height: float) -> Box:
    return Box(x=0, y=0, width=width, height=height, form="frame", block=block)


def _framed(block: Block, inner: Picture) -> Picture:
    """A frame around one list."""
    width = max(inner.width + 2 * PAD, _head_width(block))
    x = (width - inner.width) / 2
    boxes, lines = inner.at(x, HEAD + BUS)
    axis, bottom = inner.axis + x, HEAD + BUS + inner.height
    first = block.lists[0].items[0].pointer if block.lists and block.lists[0].items else ""
    enter = Line(points=((axis, HEAD), (axis, HEAD + BUS)), source=block.pointer, target=first)
    leave = _leaving(block, axis, bottom, bottom + PAD) if inner.leaves else ()
    return Picture(
        width=width,
        height=bottom + PAD,
        axis=axis,
        boxes=(_frame(block, width, bottom + PAD), *boxes),
        lines=(enter, *lines, *leave),
    )


def _leaving(block: Block, x: float, top: float, bottom: float) -> tuple[Line, ...]:
    return (Line(points=((x, top), (x, bottom)), source=block.pointer, target=TO_LEAVE, arrow=False),)


def _beside(block: Block, branches: list[Picture]) -> Picture:
    """Branches side by side, between two buses."""
    inner = sum(each.width for each in branches) + GAP * (len(branches) - 1)
    width = max(inner + 2 * PAD, _head_width(block))
    x, top = (width - inner) / 2, HEAD + BUS + 4
    low = max(each.height for each in branches) + top
    axes = []
    boxes: list[Box] = []
    lines: list[Line] = []
    for listing, branch in zip(block.lists, branches, strict=True):
        axes.append(x + branch.axis)
        inside, ways = branch.at(x, top)
        boxes += inside
        lines += ways
        x += branch.width + GAP
        _ = listing
    axis = axes[len(axes) // 2] if len(axes) % 2 else (axes[0] + axes[-1]) / 2
    for listing, branch, at in zip(block.lists, branches, axes, strict=True):
        first = listing.items[0].pointer
        into = corners(((axis, HEAD - 4), (axis, HEAD + 6), (at, HEAD + 6), (at, top)))
        lines.append(Line(points=into, source=block.pointer, target=first))
        if branch.leaves:
            out = corners(((at, top + branch.height), (at, low + 12), (axis, low + 12), (axis, low + PAD + 12)))
            lines.append(Line(points=out, source=first, target=TO_LEAVE, arrow=False))
    height = low + PAD + 12
    return Picture(
        width=width, height=height, axis=axis, boxes=(_frame(block, width, height), *boxes), lines=tuple(lines)
    )


def _stacked(block: Block, branches: list[Picture]) -> Picture:
    """Branches below each other, with a rail on their left."""
    rail, y = PAD + 2, HEAD + 8
    width = max(max(each.width for each in branches) + 2 * PAD + 22, _head_width(block))
    boxes: list[Box] = []
    lines: list[Line] = []
    for listing, branch in zip(block.lists, branches, strict=True):
        inside, ways = branch.at(PAD + 22, y)
        boxes += inside
        lines += ways
        at = y + min(branch.height / 2, 20)
        left = next((box.x for box in inside if box.block is listing.items[0]), PAD + 22)
        into = ((rail, HEAD - 4), (rail, at), (left, at))
        lines.append(Line(points=into, source=block.pointer, target=listing.items[0].pointer))
        y += branch.height + GAP
    height = y - GAP + PAD
    frame = _frame(block, width, height)
    return Picture(width=width, height=height, axis=width / 2, boxes=(frame, *boxes), lines=tuple(lines))


def _with_handler(block: Block, narrow: bool) -> Picture:
    """The body of a `try`, and what is done about an error, in a frame of its own."""
    assert block.handler is not None
    body = _list(block.lists[0], narrow)
    caught = _list(block.handler, narrow)
    note = cut(block.handler_note, MOST_NOTE)
    inner_width = max(caught.width + 2 * PAD, text_width(note, 11.5) + 2 * PAD)
    handler = Picture(
        width=inner_width,
        height=caught.height + 34 + PAD,
        axis=(inner_width - caught.width) / 2 + caught.axis,
        boxes=(Box(x=0, y=0, width=inner_width, height=caught.height + 34 + PAD, form="handler", note=note),),
        leaves=caught.leaves,
    )
    inside, ways = caught.at((inner_width - caught.width) / 2, 34)
    handler = replace(handler, boxes=(*handler.boxes, *inside), lines=tuple(ways))
    return _below(block, body, handler) if narrow else _besides(block, body, handler)


def _besides(block: Block, body: Picture, handler: Picture) -> Picture:
    top, between = HEAD + BUS, 34.0
    inner = body.width + between + handler.width
    width = max(inner + 2 * PAD, _head_width(block))
    x = (width - inner) / 2
    low = top + max(body.height, handler.height - BUS + 6)
    axis, x2 = x + body.axis, x + body.width + between
    boxes, lines = body.at(x, top)
    more, ways = handler.at(x2, HEAD + 4)
    at = HEAD + 12
    first = block.lists[0].items[0].pointer
    found = [Line(points=((axis, HEAD), (axis, top)), source=block.pointer, target=first)]
    caught = block.handler.items[0].pointer if block.handler and block.handler.items else ""
    found.append(Line(points=((axis, at), (x2, at)), source=block.pointer, target=caught, style="error"))
    height = low + BUS + 8
    if body.leaves:
        found.append(
            Line(points=((axis, top + body.height), (axis, height)), source=block.pointer, target=TO_LEAVE, arrow=False)
        )
    if handler.leaves:
        out = corners(
            (
                (x2 + handler.axis, HEAD + 4 + handler.height - PAD),
                (x2 + handler.axis, low + 14),
                (axis, low + 14),
                (axis, height),
            )
        )
        found.append(Line(points=out, source=block.pointer, target=HANDLED, arrow=False))
    return Picture(width=width, height=height, axis=axis, boxes=(_frame(block, width, height), *boxes, *more),
                   lines=(*found, *lines, *ways))  # fmt: skip


def _below(block: Block, body: Picture, handler: Picture) -> Picture:
    top = HEAD + BUS
    width = max(body.width, handler.width + 20, _head_width(block) - 2 * PAD) + 2 * PAD
    x, x2 = (width - body.width) / 2, (width - handler.width) / 2 + 10
    y2 = top + body.height + 30
    boxes, lines = body.at(x, top)
    more, ways = handler.at(x2, y2)
    axis, at, rail = x + body.axis, y2 + 18, PAD - 4
    first = block.lists[0].items[0].pointer
    caught = block.handler.items[0].pointer if block.handler and block.handler.items else ""
    found = (
        Line(points=((axis, HEAD), (axis, top)), source=block.pointer, target=first),
        Line(points=((rail, HEAD), (rail, at), (x2, at)), source=block.pointer, target=caught, style="error"),
    )
    height = y2 + handler.height + PAD
    return Picture(width=width, height=height, axis=axis, boxes=(_frame(block, width, height), *boxes, *more),
                   lines=(*found, *lines, *ways))  # fmt: skip
