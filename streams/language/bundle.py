"""Schemas that stand in files of the workflow's own folder, and calendars of the site that a `wait` names.

A definition travels alone, so whoever has the folders writes them in before it is read: `schema.resource` becomes
`schema.document`, the name of a calendar the calendar. Lines stay where they are, so
that a fault is told at its own line. What is no name of a file below the folder is left to lint, which refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches

import orjson

from schemas.payload import Json
from streams.language.faults import DefinitionError
from streams.language.source import Path, Source, parse

_FILE = re.compile(r"(\./)?(?!\.)[\w.-]+(/(?!\.)[\w.-]+)*")  # relative, and nowhere upwards
_PARTS = ("input", "output", "export")


def bundled(
    text: str, file: str, read: Callable[[str], Json], calendars: Callable[[], Mapping[str, Json]] = dict
) -> str:
    """The definition with its schemas and calendars in it.

    `read` gives the value of a file below the folder, and raises ValueError with the reason where it can't; then this
    raises `DefinitionError`, as for a calendar that the site does not have.
    """
    if "resource" not in text and "calendar" not in text:
        return text
    try:
        source = parse(text, file)
    except DefinitionError:
        return text  # which lint says better
    spans = sorted([*_spans(source, read), *_named_calendars(source, calendars)], key=lambda each: -each[0])
    if missing := [fault for fault in source.faults if fault.code in ("resource", "calendar")]:
        raise DefinitionError(missing)
    for start, end, key, document in spans:
        lines = text.count("\n", start, end)
        text = f"{text[:start]}{key}: {orjson.dumps(document).decode()}{chr(10) * lines}{text[end:]}"
    return text


Span = tuple[int, int, str, Json]  # from here to there stands this key, with this value


def _spans(source: Source, read: Callable[[str], Json]) -> Iterator[Span]:
    for path, named in _resources(source.value, ()):
        try:
            document = read(named.removeprefix("./"))
        except ValueError as error:
            remedy = "name a JSON or YAML file in the folder of the definition, or write the schema under `document`"
            source.fault(path, "resource", f"{named} {error}", remedy)
            continue
        yield _span(source, path, "document", document)


def _named_calendars(source: Source, calendars: Callable[[], Mapping[str, Json]]) -> Iterator[Span]:
    named = list(_waits(source.value, ()))
    known = calendars() if named else {}
    for path, name in named:
        if name in known:
            yield _span(source, path, "calendar", known[name])
            continue
        close = get_close_matches(name, known, n=1)
        remedy = f"did you mean {close[0]}?" if close else "write it into calendars.yaml of the site folder"
        source.fault(path, "calendar", f"this site has no calendar {name!r}", remedy)


def _waits(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """The names of calendars of tasks that wait, with their places."""
    if isinstance(value, dict) and "wait" in value and isinstance(value.get("metadata"), dict):
        name = value["metadata"].get("calendar")
        if isinstance(name, str):
            yield (*path, "metadata", "calendar"), name
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(part, dict | list) and key not in ("set", "with", "metadata", "schema"):
            yield from _waits(part, (*path, key))


def _span(source: Source, path: Path, key: str, value: Json) -> Span:
    start = source.keys[path].start_mark.index
    found = source.text[start : source.values[path].end_mark.index].rstrip()
    return start, start + len(found), key, value


def _resources(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """The resources of schemas that name a file, with their places."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        place = (*path, key)
        if isinstance(part, dict) and place[-1] == "schema" and place[-2:-1] and place[-2] in _PARTS:
            named = _named(part.get("resource"))
            if named is not None and "document" not in part and not {"set", "with"} & set(place):
                yield (*place, "resource"), named
        elif isinstance(part, dict | list):
            yield from _resources(part, place)


def _named(resource: Json) -> str | None:
    endpoint = resource.get("endpoint") if isinstance(resource, dict) else None
    if isinstance(endpoint, dict):
        endpoint = endpoint.get("uri")
    return endpoint if isinstance(endpoint, str) and _FILE.fullmatch(endpoint) else None
