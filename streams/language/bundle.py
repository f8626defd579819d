"""Schemas that stand in files of the workflow's own folder: `schema.resource` becomes `schema.document`.

A definition travels alone, so whoever has its folder writes them in before it is read. Lines stay where they are, so
that a fault is told at its own line. What is no name of a file below the folder is left to lint, which refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import orjson

from schemas.payload import Json
from streams.language.faults import DefinitionError
from streams.language.source import Path, Source, parse

_FILE = re.compile(r"(\./)?(?!\.)[\w.-]+(/(?!\.)[\w.-]+)*")  # relative, and nowhere upwards
_PARTS = ("input", "output", "export")


def bundled(text: str, file: str, read: Callable[[str], Json]) -> str:
    """The definition with its schemas in it.

    `read` gives the value of a file below the folder, and raises ValueError with the reason where it can't; then this
    raises `DefinitionError`.
    """
    if "resource" not in text:
        return text
    try:
        source = parse(text, file)
    except DefinitionError:
        return text  # which lint says better
    spans = sorted(_spans(source, read), reverse=True)
    if any(fault.code == "resource" for fault in source.faults):
        raise DefinitionError([fault for fault in source.faults if fault.code == "resource"])
    for start, end, document in spans:
        lines = text.count("\n", start, end)
        text = f"{text[:start]}document: {orjson.dumps(document).decode()}{chr(10) * lines}{text[end:]}"
    return text


def _spans(source: Source, read: Callable[[str], Json]) -> Iterator[tuple[int, int, Json]]:
    for path, named in _resources(source.value, ()):
        try:
            document = read(named.removeprefix("./"))
        except ValueError as error:
            remedy = "name a JSON or YAML file in the folder of the definition, or write the schema under `document`"
            source.fault(path, "resource", f"{named} {error}", remedy)
            continue
        start = source.keys[path].start_mark.index
        found = source.text[start : source.values[path].end_mark.index].rstrip()
        yield start, start + len(found), document


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
