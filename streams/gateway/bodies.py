"""Reading what was sent: bounded in size and time, of the right media type, and JSON where JSON is due."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import orjson
from aiohttp import web

from schemas.cloudevents import DataFault
from schemas.cloudevents_http import is_json
from streams.gateway.problems import ProblemError, data_faults
from streams.gateway.services import services
from streams.gateway.settings import GatewaySettings

READ_TIMEOUT_S = 30.0


async def read_body(request: web.Request) -> bytes:
    """The whole body; raises ProblemError where it is too large (413) or does not come (408)."""
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        most = services(request).settings.of(GatewaySettings).max_body_bytes
        raise ProblemError(413, "too-large", f"The body is larger than {most} bytes.") from None
    except TimeoutError:
        raise ProblemError(408, "slow", f"The body has not arrived within {READ_TIMEOUT_S:g} s.") from None


async def read_object(
    request: web.Request, members: Mapping[str, type], required: Collection[str] = ()
) -> dict[str, Any]:
    """A JSON object with no members but these, each of its type or null; raises ProblemError."""
    require_json(request)
    value = parse_json(await read_body(request))
    if not isinstance(value, dict):
        raise ProblemError(400, "json", "The body must be a JSON object.")
    faults = [DataFault(name, "is no member of this request") for name in value if name not in members]
    faults += [DataFault(name, "is required") for name in required if value.get(name) is None]
    for name, kind in members.items():
        if value.get(name) is not None and not _is_a(value[name], kind):
            faults.append(DataFault(name, f"must be of type {_NAMES[kind]}"))
    if faults:
        detail = "; ".join(f"{fault.place[:50]} {fault.message}" for fault in faults)
        raise ProblemError(422, "request-invalid", detail, faults=data_faults(faults))
    return value


def require_json(request: web.Request) -> None:
    """Refuses (415) what is not JSON. A plain form of a foreign web page never gets further than this."""
    if not is_json(request.headers.get("Content-Type", "")):
        raise ProblemError(415, "media-type", "Send application/json.")


def parse_json(body: bytes) -> Any:
    """The JSON value in a body; raises ProblemError (400) without quoting it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        detail = f"The body is no JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        raise ProblemError(400, "json", detail) from None


_NAMES: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean", object: "any"}


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
