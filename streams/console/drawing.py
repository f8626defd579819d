"""Diagrams for pages: outlines and layouts kept by the digest of their workflow, which never changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from markupsafe import Markup

from streams.console.diagram.layout import layout
from streams.console.diagram.outline import Listing, outline
from streams.console.diagram.shapes import Picture
from streams.console.diagram.svg import Told, svg
from streams.language.graph import Graph

MOST_TASKS = 400  # of a workflow that is drawn; a larger one is told as a list
KEPT = 64

_outlines: dict[str, Listing] = {}
_layouts: dict[tuple[str, bool], Picture] = {}


def listing_of(graph: Graph) -> Listing | None:
    """The outline of a workflow; None where it is too large to be drawn."""
    if len(graph.tasks) > MOST_TASKS:
        return None
    if graph.digest not in _outlines:
        _make_room(_outlines)
        _outlines[graph.digest] = outline(graph)
    return _outlines[graph.digest]


def both(graph: Graph, told: Told) -> dict[str, Markup]:
    """The workflow in two widths, for a page that shows the one that fits."""
    return {"wide": drawn(graph, told, narrow=False), "narrow": drawn(graph, replace(told, id="n"), narrow=True)}


def drawn(graph: Graph, told: Told, *, narrow: bool) -> Markup:
    """The workflow in one width; nothing where it is too large."""
    listing = listing_of(graph)
    if listing is None:
        return Markup("")
    key = (graph.digest, narrow)
    if key not in _layouts:
        _make_room(_layouts)
        _layouts[key] = layout(listing, narrow=narrow)
    return svg(_layouts[key], replace(told, title=f"Diagram of {graph.name}"))


def _make_room(kept: dict[Any, Any]) -> None:
    """The one that was made first goes first."""
    while len(kept) >= KEPT:
        kept.pop(next(iter(kept)))
