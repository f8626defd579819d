"""Reading what was sent: bounded in size and time, of the right media type, and JSON where JSON is due."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from aiohttp import web

from schemas.cloudevents import MOST_FAULTS, DataFault
from schemas.cloudevents_http import is_json
from schemas.jsontext import NoJsonError, parse
from streams.gateway.openapi import Schema
from streams.gateway.problems import ProblemError, data_faults
from streams.gateway.services import services
from streams.gateway.settings import GatewaySettings
from streams.ground.terminal import visible

READ_TIMEOUT_S = 30.0
MAX_ID_LENGTH = 200
MAX_LINE_LENGTH = 200
PACKED = ("gzip", "deflate")  # that aiohttp unpacks without another library
ENCODINGS = ("identity", *PACKED)
LINE: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_LINE_LENGTH}


async def read_body(request: web.Request) -> bytes:
    """The whole body, unpacked; raises ProblemError where it is too large (413), does not come (408), or is packed in
    a way that is not known here (415) or not the one that it says (400)."""
    packed = request.headers.get("Content-Encoding", "identity").lower()
    if packed not in ENCODINGS:
        raise ProblemError(415, "content-encoding", f"Send the body as it is, or packed as one of {', '.join(PACKED)}.")
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        most = services(request).settings.of(GatewaySettings).max_body_bytes
        raise ProblemError(413, "too-large", f"The body is larger than {most} bytes.") from None
    except web.RequestPayloadError:
        detail = "The body cannot be read: it is not packed as Content-Encoding says, or its chunks are broken."
        raise ProblemError(400, "body", detail) from None
    except TimeoutError:
        raise ProblemError(408, "slow", f"The body has not arrived within {READ_TIMEOUT_S:g} s.") from None


async def read_object(
    request: web.Request, members: Mapping[str, type], required: Collection[str] = ()
) -> dict[str, Any]:
    """A JSON object with no members but these, each of its type or null; raises ProblemError."""
    value: Any = {}
    if not required or request.can_read_body:  # of a request without a body, what it has to say is told
        require_json(request)
        value = parse_json(await read_body(request), around=1)
    if not isinstance(value, dict):
        raise ProblemError(400, "json", "The body must be a JSON object.")
    strange = islice((name for name in value if name not in members), MOST_FAULTS)
    faults = [DataFault(name[:50], "is no member of this request") for name in strange]
    faults += [DataFault(name, "is required") for name in required if value.get(name) is None]
    for name, kind in members.items():
        if value.get(name) is not None and not _is_a(value[name], kind):
            faults.append(DataFault(name, f"must be of type {_NAMES[kind]}"))
    if faults:
        detail = "; ".join(f"{fault.place} {fault.message}" for fault in faults)
        raise ProblemError(422, "request-invalid", detail, faults=data_faults(faults))
    return value


def idempotency_key(request: web.Request) -> str:
    """What the request is known by when it is sent again, a new name if it has none; refused (400) where it is long,
    or does something to a page or a terminal.
    """
    key = request.headers.get("Idempotency-Key") or uuid.uuid4().hex
    if len(key) > MAX_ID_LENGTH or visible(key) != key:
        detail = f"Idempotency-Key has at most {MAX_ID_LENGTH} characters, all of them visible."
        raise ProblemError(400, "idempotency-key", detail)
    return key


def one_line(name: str, text: str) -> str:
    """A member that names somebody or says why, as it is; refused (422) where it is empty, long, or does something to
    a page or a terminal. Who it names is not proven: there are no identities yet."""
    if not text.strip() or len(text) > MAX_LINE_LENGTH or visible(text) != text:
        fault = DataFault(name, f"must be one line of 1 to {MAX_LINE_LENGTH} visible characters")
        raise ProblemError(422, "request-invalid", str(fault), faults=data_faults([fault]))
    return text


def moment_to_come(name: str, text: str, now_ms: int) -> int:
    """A member that is a time, as Unix milliseconds; refused (422) where it has no zone, or is over."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        reason = "must be a time with its zone, such as 2026-01-31T12:00:00Z"
    elif at.timestamp() * 1_000 <= now_ms:
        reason = "must be in the future"
    else:
        return int(at.timestamp() * 1_000)
    fault = DataFault(name, reason)
    raise ProblemError(422, "request-invalid", str(fault), faults=data_faults([fault]))


def require_json(request: web.Request) -> None:
    """Refuses (415) what is not JSON. A plain form of a foreign web page never gets further than this."""
    if not is_json(request.headers.get("Content-Type", "")):
        raise ProblemError(415, "media-type", "Send application/json.")


def parse_json(body: bytes, *, around: int = 0) -> Any:
    """The JSON value in a body; raises ProblemError (400) and UnfitDataError (422), without quoting it."""
    try:
        return parse(body, around=around)
    except NoJsonError as error:
        raise ProblemError(400, "json", f"The body is no JSON: {error}.") from None


_NAMES: Mapping[type, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    object: "any",
    list: "array",
    dict: "object",
}


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
