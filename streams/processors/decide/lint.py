"""What a definition asks of models and of named tables, held against what is at hand: names, inputs and routes that
nobody has.

By what is at hand where lint runs; whether a version is active then is not asked. What an expression will give is not
known, so only what is written out is judged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from models.rules.gaps import gaps
from models.serving.card import REVIEW, Card, head, read_card
from models.serving.errors import RefusedModelError
from models.serving.shelf import Shelf
from schemas.names import FILE_NAME
from schemas.payload import Json
from streams.ground.errors import ConfigurationError
from streams.language import DefinitionError, Fault, Severity
from streams.language.source import Path, Source, parse
from streams.processors import decide
from streams.processors.decide.asked import TABLE, TABLES
from streams.processors.decide.tables import Tables

ASKING = (decide.DECIDE.name, decide.RULES.name)
_ROUTE = re.compile(r"\.route\s*[!=]=\s*\"([^\"\\]*)\"|\"([^\"\\]*)\"\s*[!=]=\s*[.\w$]*\.route\b")


def model_faults(text: str, file: str, shelf: Shelf, tables: Tables) -> list[Fault]:
    """Faults and warnings about models and tables, in a definition that can be read; none in one that cannot."""
    try:
        source = parse(text, file)
    except DefinitionError:
        return []
    before = len(source.faults)
    asked = [(path, task) for path, task in _tasks(source.value, ()) if task.get("call") in ASKING]
    routes: set[str] | None = {REVIEW}
    for path, task in asked:
        given = task.get("with")
        asks = {table: _table(source, (*path, "with", table), given, tables) for table in TABLES}
        found = {each for table in asks.values() for each in _ruled(table)}
        if task["call"] == decide.DECIDE.name:
            cards = list(_cards(source, (*path, "with"), given, shelf))
            known = {each for card in cards if card for each in head(card).routes} | found
            routes = routes | known if routes is not None and all(cards) else None
        elif routes is not None:
            routes |= found
    if asked and routes:
        _judge_routes(source, source.value, (), routes)
    return source.faults[before:]


def _table(source: Source, path: Path, given: Json, tables: Tables) -> Json:
    """A table as it is written, here or in the file that is named; None where there is none, which is told."""
    written = given.get(path[-1]) if isinstance(given, dict) else None
    if not isinstance(written, str) or not FILE_NAME.fullmatch(written):
        return written
    if written not in (names := tables.names):
        remedy = f"write rules/{written}.yaml in the site folder; there {_are(names)}"
        source.fault(path, "table", f"there is no table {written!r}{_meant(written, names)}", remedy)
        return None
    try:
        found = tables.get(written).written
    except ConfigurationError as error:
        source.fault(path, "table", f"it cannot be used: {error}", "correct it: exlify rules check")
        return None
    for _, what, remedy in gaps(found) if path[-1] == TABLE else ():
        source.fault(path, "gap", f"the table {written} {what}", remedy, severity=Severity.WARNING)
    return found


def _are(names: Collection[str]) -> str:
    return f"is {', '.join(names)}" if names else "is none"


def _ruled(written: Json) -> Iterator[str]:
    """The routes of the rows of a table."""
    rows = written.get("rows") if isinstance(written, Mapping) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("route"), str):
            yield row["route"]


def _cards(source: Source, path: Path, given: Json, shelf: Shelf) -> Iterator[Card | None]:
    """The cards of the models that a task asks, after looking at what it gives; None where one is not known."""
    asked = given if isinstance(given, dict) else {}
    yield _judged(source, path, "model", asked.get("model"), asked.get("input"), shelf)
    instead = asked.get("instead")
    for index, name in enumerate(instead if isinstance(instead, list) else ()):
        yield _judged(source, (*path, "instead"), index, name, asked.get("input"), shelf)


def _judged(source: Source, path: Path, at: str | int, name: Json, written: Json, shelf: Shelf) -> Card | None:
    if not isinstance(name, str) or "${" in name:
        return None
    known = dict(shelf.versions())
    known |= {found: pin.version for found, pin in shelf.active.items() if pin.state != "retired"}
    if name not in known:
        remedy = (
            f"name one that is here: {', '.join(sorted(known)) or 'there is none'}; or add it with exlify models add"
        )
        source.fault((*path, at), "model", f"there is no model {name!r}{_meant(name, known)}", remedy)
        return None
    try:
        card, _ = read_card(shelf.folder(name, known[name]))
    except RefusedModelError as error:
        remedy = "put the right files there; decisions wait for them"
        source.fault((*path, at), "model", f"it cannot be used: {error}", remedy, severity=Severity.WARNING)
        return None
    if isinstance(written, dict):
        _judge_inputs(source, (*(path if at == "model" else path[:-1]), "input"), written, card)
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
                message = f"nothing that is asked here has a route {route!r}{_meant(route, routes)}"
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
