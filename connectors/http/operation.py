"""From the arguments of `call: openapi` to those of `call: http`, by the document that a connection has."""

from __future__ import annotations

from difflib import get_close_matches

from connectors.codecs.scalars import CodecError
from connectors.http import AUTHENTICATION, HTTP, OPENAPI, PAGES, SAVE, SEND, address, openapi
from connectors.http.request import BYTES
from connectors.hub.connections import Connections
from connectors.hub.contract import Asked, Refused
from schemas.payload import Json
from schemas.reasons import Reason

AS_GIVEN = ("body", SEND.name, "output", "redirect", SAVE.name, PAGES.name)


def read(asked: Asked, connections: Connections) -> Asked:
    """The same as a request; raises Refused or ArgumentError."""
    given = asked.arguments
    name = openapi.connection(str(given["document"]["endpoint"]))
    if name is None:
        raise OPENAPI.fault("document.endpoint", "is no connection", "write endpoint: connection://NAME")
    connections.url(name)
    operation = _operation(str(given["operationId"]), name, connections)
    body, has_body = given.get("body"), given.get("body") is not None or SEND.name in given
    if operation.needs_body and not has_body:
        raise OPENAPI.fault("body", f"is needed by {operation.id}")
    if has_body and not operation.takes_body:
        raise OPENAPI.fault(SEND.name if body is None else "body", f"is not taken by {operation.id}", "leave it out")
    if body is not None and not operation.bodies:
        raise OPENAPI.fault("body", "has no media type that can be written", "call it with call: http")
    try:
        filled = openapi.fill(operation, given.get("parameters") or {})
    except openapi.ParameterError as error:
        raise OPENAPI.fault("parameters", f"of {operation.id}: the operation {error}", "see its document") from None
    except CodecError as error:
        raise OPENAPI.fault("parameters", f"cannot be sent: {error}", "write texts and numbers") from None
    headers = {**filled.headers, **({"Content-Type": _media_type(operation, body)} if has_body else {})}
    endpoint = f"{address.NAMED}://{name}{filled.path}" + (f"?{filled.query}" if filled.query else "")
    said = given.get(AUTHENTICATION.name)
    target = endpoint if said is None else {"uri": endpoint, AUTHENTICATION.name: said}
    request: dict[str, Json] = {"method": operation.method, "endpoint": target, "headers": dict(headers)}
    request |= {each: given[each] for each in AS_GIVEN if each in given}
    return Asked(HTTP, asked.call, request)


def _media_type(operation: openapi.ApiOperation, body: Json) -> str:
    """That of the body; a file is what it is, where the document allows that."""
    if body is not None:
        return operation.bodies[0]
    kinds = [each for each in operation.bodies if not each.lower().startswith("multipart/")]
    return BYTES if BYTES in kinds or not kinds else kinds[0]


def _operation(name: str, system: str, connections: Connections) -> openapi.ApiOperation:
    api = {id_: each for id_, each in connections.api(system).items() if isinstance(each, openapi.ApiOperation)}
    if not api:
        what = f"connection {system} has no document; add openapi: '${{file:PATH}}' to it in connections.yaml"
        raise Refused(Reason.MISCONFIGURED, what)
    if name not in api:
        close = get_close_matches(name, api, n=1)
        remedy = f"did you mean {close[0]}?" if close else "see its document"
        raise OPENAPI.fault("operationId", "is none of the document of the connection", remedy)
    return api[name]
