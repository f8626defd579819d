"""What a definition asks of models, held against their cards: names, inputs and routes that nobody has.

By what is at hand where lint runs; whether a version is active then is not asked. What an expression will give is not
known, so only what is written out is judged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from models.serving.card import REVIEW, Card, head, read_card
from models.serving.errors import RefusedModelError
from models.serving.shelf import Shelf
from schemas.payload import Json
from streams.language import DefinitionError, Fault, Severity
from streams.language.source import Path, Source, parse
from streams.processors import decide

_ROUTE = re.compile(r"\.route\s*[!=]=\s*\"([^\"\\]*)\"|\"([^\"\\]*)\"\s*[!=]=\s*[.\w$]*\.route\b")


def model_faults(text: str, file: str, shelf: Shelf) -> list[Fault]:
    """Faults and warnings about models, in a definition that can be read; none in one that cannot."""
    try:
        source = parse(text, file)
    except DefinitionError:
        return []
    before = len(source.faults)
    asked = [(path, task) for path, task in _tasks(source.value, ()) if task.get("call") == decide.DECIDE.name]
    routes: set[str] | None = {REVIEW}
    for path, task in asked:
        card = _judged(source, (*path, "with"), task.get("with"), shelf)
        routes = routes | {*head(card).routes} if routes is not None and card is not None else None
    if asked and routes:
        _judge_routes(source, source.value, (), routes)
    return source.faults[before:]


def _judged(source: Source, path: Path, given: Json, shelf: Shelf) -> Card | None:
    """The card of the model that a task asks, after looking at what it gives; None where that is not known."""
    name = given.get("model") if isinstance(given, dict) else None
    if not isinstance(name, str) or "${" in name:
        return None
    known = dict(shelf.versions())
    known |= {found: pin.version for found, pin in shelf.active.items() if pin.state != "retired"}
    if name not in known:
        remedy = (
            f"name one that is here: {', '.join(sorted(known)) or 'there is none'}; or add it with exlify models add"
        )
        source.fault((*path, "model"), "model", f"there is no model {name!r}{_meant(name, known)}", remedy)
        return None
    try:
        card, _ = read_card(shelf.folder(name, known[name]))
    except RefusedModelError as error:
        remedy = "put the right files there; decisions wait for them"
        source.fault((*path, "model"), "model", f"it cannot be used: {error}", remedy, severity=Severity.WARNING)
        return None
    written = given.get("input")
    if isinstance(written, dict):
        _judge_inputs(source, (*path, "input"), written, card)
    return card


def _judge_inputs(source: Source, path: Path, written: dict[str, Json], card: Card) -> None:
    fields = {each.field: each for each in card.inputs}
    for name in written:
        if name not in fields:
            message = f"{card.name} reads no field {name!r}{_meant(name, fields)}"
            source.fault((*path, name), "model-input", message, f"it reads {', '.join(fields)}", key=True)
    lacking = [name for name, each in fields.items() if name not in written and each.missing != "default"]
    if lacking:
        message = f"{card.name} reads {', '.join(lacking)} as well, which no case has then"
        remedy = "give them, or every case goes to people"
        source.fault(path, "model-input", message, remedy, severity=Severity.WARNING)


def _judge_routes(source: Source, node: Json, path: Path, routes: Collection[str]) -> None:
    """Texts in conditions that a route is compared with, wherever they stand."""
    for at, value in _texts(node, path):
        for found in _ROUTE.finditer(value):
            route = found[1] or found[2] or ""
            if route not in routes:
                message = f"no model that is asked here has a route {route!r}{_meant(route, routes)}"
                source.fault_inside(
                    at, f'"{route}"', 0, "model-route", message, f"compare with {', '.join(sorted(routes))}"
                )


def _meant(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f" (do you mean {near[0]}?)" if near else ""


def _tasks(node: Json, path: Path) -> Iterator[tuple[Path, dict[str, Json]]]:
    if isinstance(node, dict):
        if "call" in node:
            yield path, node
        for key, value in node.items():
            yield from _tasks(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _tasks(value, (*path, index))


def _texts(node: Json, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node, str):
        if "${" in node:
            yield path, node
    elif isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            yield from _texts(node[key], (*path, key))
