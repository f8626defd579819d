"""What a definition calls by OpenAPI documents, held against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from connectors.http import OPENAPI
from connectors.http.openapi import ApiOperation, connection
from connectors.hub.connections import folded
from schemas.payload import Json
from streams.language import DefinitionError, Fault
from streams.language.source import Path, Source, parse
from streams.processors.call.connections import Addresses


def api_faults(text: str, file: str, addresses: Addresses) -> list[Fault]:
    """What is wrong with calls by documents, in a definition that can be read; none in one that cannot.

    By the documents of this site; of a connection that has none here nothing is said: it may have one where the
    definition runs.
    """
    try:
        source = parse(text, file)
    except DefinitionError:
        return []
    before = len(source.faults)
    for path, given in _calls(source.value, ()):
        _judge(source, (*path, "with"), given, addresses)
    return source.faults[before:]


def _calls(value: Json, path: Path) -> Iterator[tuple[Path, Mapping[str, Json]]]:
    if isinstance(value, dict):
        if value.get("call") == OPENAPI.name and isinstance(value.get("with"), dict):
            yield path, value["with"]
        for key, inner in value.items():
            yield from _calls(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _calls(inner, (*path, index))


def _judge(source: Source, path: Path, given: Mapping[str, Json], addresses: Addresses) -> None:
    document, wanted = given.get("document"), given.get("operationId")
    endpoint = document.get("endpoint") if isinstance(document, dict) else None
    if not isinstance(endpoint, str) or "${" in endpoint or not isinstance(wanted, str) or "${" in wanted:
        return
    name = connection(endpoint)
    if name is None:
        remedy = "write endpoint: connection://NAME, and its document into connections.yaml"
        source.fault((*path, "document", "endpoint"), "uri", "a document is that of a connection", remedy)
        return
    api = addresses.api(folded(name))
    if api and wanted not in api:
        close = get_close_matches(wanted, api, n=1)
        remedy = f"did you mean `{close[0]}`?" if close else "see the document of the connection"
        source.fault((*path, "operationId"), "operation", f"the document of {name} has no `{wanted}`", remedy)
    elif api:
        _parameters(source, path, given, api[wanted])


def _parameters(source: Source, path: Path, given: Mapping[str, Json], operation: ApiOperation) -> None:
    parameters = given.get("parameters", {})
    if isinstance(parameters, dict):
        known = {each.name: each for each in operation.parameters}
        for name in parameters:
            if name not in known:
                remedy = f"there are {', '.join(known) or 'none'}"
                source.fault((*path, "parameters", name), "parameter", f"`{operation.id}` has no `{name}`", remedy)
        for name, each in known.items():
            if each.required and name not in parameters:
                remedy = f"write parameters: {{{name}: ...}}"
                source.fault(
                    (*path, "operationId"), "missing", f"`{operation.id}` needs the parameter `{name}`", remedy
                )
    if operation.needs_body and "body" not in given:
        source.fault((*path, "operationId"), "missing", f"`{operation.id}` needs a body", "write body: ...")
    if not operation.takes_body and "body" in given:
        source.fault((*path, "body"), "value", f"`{operation.id}` takes no body", "leave it out")
