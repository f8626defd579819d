"""What a definition calls by OpenAPI and AsyncAPI documents, held against them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from connectors.asyncapi import ASYNCAPI
from connectors.asyncapi.document import AsyncOperation
from connectors.http import OPENAPI, SEND
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
    for path, function, given in _calls(source.value, ()):
        JUDGES[function](source, (*path, "with"), given, addresses)
    return source.faults[before:]


def _calls(value: Json, path: Path) -> Iterator[tuple[Path, str, Mapping[str, Json]]]:
    if isinstance(value, dict):
        function, given = value.get("call"), value.get("with")
        if isinstance(function, str) and function in JUDGES and isinstance(given, dict):
            yield path, function, given
        for key, inner in value.items():
            yield from _calls(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _calls(inner, (*path, index))


def _document_of(source: Source, path: Path, given: Mapping[str, Json], member: str) -> str | None:
    """The connection whose document is meant; None where that, or the operation, is a matter of data, or wrong."""
    document, wanted = given.get("document"), given.get(member)
    endpoint = document.get("endpoint") if isinstance(document, dict) else None
    if not isinstance(endpoint, str) or "${" in endpoint or not isinstance(wanted, str) or "${" in wanted:
        return None
    name = connection(endpoint)
    if name is None:
        remedy = "write endpoint: connection://NAME, and its document into connections.yaml"
        source.fault((*path, "document", "endpoint"), "uri", "a document is that of a connection", remedy)
    return name


def _unknown(source: Source, path: Path, name: str, wanted: str, known: Iterable[str]) -> None:
    close = get_close_matches(wanted, known, n=1)
    remedy = f"did you mean `{close[0]}`?" if close else "see the document of the connection"
    source.fault(path, "operation", f"the document of {name} has no `{wanted}`", remedy)


def _judge(source: Source, path: Path, given: Mapping[str, Json], addresses: Addresses) -> None:
    name = _document_of(source, path, given, "operationId")
    if name is None:
        return
    wanted = str(given["operationId"])
    api = {id_: each for id_, each in addresses.api(folded(name)).items() if isinstance(each, ApiOperation)}
    if api and wanted not in api:
        _unknown(source, (*path, "operationId"), name, wanted, api)
    elif api:
        _parameters(source, path, given, api[wanted])


def _judge_message(source: Source, path: Path, given: Mapping[str, Json], addresses: Addresses) -> None:
    members = [each for each in ("operation", "channel") if each in given]
    if len(members) != 1:
        remedy = "write operation: NAME (AsyncAPI 3), or channel: NAME (AsyncAPI 2)"
        source.fault(path, "missing", "`operation` or `channel` is needed, and one of them only", remedy)
        return
    (member,) = members
    name = _document_of(source, path, given, member)
    if name is None:
        return
    wanted = str(given[member])
    api = {id_: each for id_, each in addresses.api(folded(name)).items() if isinstance(each, AsyncOperation)}
    if not api:
        return
    found = api.get(wanted)
    if found is None:
        _unknown(source, (*path, member), name, wanted, api)
    elif found.named_by != member:
        remedy = f"write {found.named_by}: {wanted}"
        source.fault((*path, member), "operation", f"the document of {name} names no `{member}` so", remedy)
    elif found.refusal:
        source.fault((*path, member), "operation", found.refusal, "see the document of the connection")


JUDGES = {OPENAPI.name: _judge, ASYNCAPI.name: _judge_message}


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
    bodies = [each for each in ("body", SEND.name) if each in given]
    if operation.needs_body and not bodies:
        source.fault((*path, "operationId"), "missing", f"`{operation.id}` needs a body", "write body: ...")
    if not operation.takes_body:
        for body in bodies:
            source.fault((*path, body), "value", f"`{operation.id}` takes no body", "leave it out")
