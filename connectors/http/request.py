"""The arguments of `call: http`, read and turned into a request, before anything is sent.

Beside what the definition language says: `endpoint` may be `connection://NAME/path`, whose address, and credentials
if any, come from the settings (`connections.py`), and effectful requests carry the header `Idempotency-Key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from connectors.codecs import bodies as codecs
from connectors.hub.connections import Connections
from connectors.hub.contract import Call, Refused
from schemas.functions import EffectClass
from schemas.reasons import Reason

KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255  # what services with such a header are known to take
NAMED = "connection"

Scalar = str | int | float | bool

EFFECTS: Mapping[str, EffectClass] = {
    "GET": EffectClass.READ,
    "HEAD": EffectClass.READ,
    "OPTIONS": EffectClass.READ,
    "PUT": EffectClass.IDEMPOTENT,
    "DELETE": EffectClass.IDEMPOTENT,
    "POST": EffectClass.BLIND,
    "PATCH": EffectClass.BLIND,
}


class Shape(StrEnum):
    """What becomes of the answer (`output`)."""

    RAW = "raw"  # the body, Base64
    CONTENT = "content"  # the body, decoded by its media type
    RESPONSE = "response"  # status, headers and decoded body, with the request


class Basic(msgspec.Struct, forbid_unknown_fields=True):
    """User and password (RFC 7617)."""

    username: str
    password: str


class Bearer(msgspec.Struct, forbid_unknown_fields=True):
    """A token (RFC 6750)."""

    token: str


class Authentication(msgspec.Struct, forbid_unknown_fields=True):
    """One of the two schemes of the profile."""

    basic: Basic | None = None
    bearer: Bearer | None = None


class Endpoint(msgspec.Struct, forbid_unknown_fields=True):
    """Where to, and as whom."""

    uri: str
    authentication: Authentication | None = None


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """`with` of `call: http`, all expressions evaluated."""

    method: str
    endpoint: str | Endpoint
    headers: dict[str, Scalar] | None = None
    query: dict[str, Scalar | list[Scalar]] | None = None
    body: Any = None
    output: Shape = Shape.CONTENT
    redirect: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it will be sent."""

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes | None = field(repr=False)
    output: Shape
    accepts_redirect: bool
    named: bool  # the address comes from the settings


def effect_of(call: Call, method: str) -> EffectClass:
    """As declared in the definition, else as HTTP defines the method; POST and PATCH are blind."""
    return call.effect or EFFECTS[method]


def read(call: Call, connections: Connections) -> Request:
    """The request for the call; raises Refused."""
    arguments = _arguments(call)
    method = arguments.method.upper()
    if method not in EFFECTS:
        raise Refused(Reason.INPUT_INVALID, f"http: method {method[:20]!r} is not one of {', '.join(EFFECTS)}")
    endpoint = arguments.endpoint if isinstance(arguments.endpoint, Endpoint) else Endpoint(arguments.endpoint)
    url, credentials, named = _target(endpoint, connections)
    headers = _headers(arguments, credentials)
    body = _body(arguments, headers)
    if effect_of(call, method).effectful:
        headers.setdefault(KEY_HEADER, key_header(call.key))
    return Request(method, _with_query(url, arguments), headers, body, arguments.output, arguments.redirect, named)


def key_header(key: str) -> str:
    """The step id as a header value: readable where it fits, its SHA-256 where it is too long."""
    value = quote(key, safe="/~:@!$&'()*+,;=")
    return value if len(value) <= MAX_KEY_LENGTH else sha256(key.encode()).hexdigest()


def _arguments(call: Call) -> Arguments:
    try:
        return msgspec.convert(call.arguments, Arguments)
    except msgspec.ValidationError as error:
        raise Refused(Reason.INPUT_INVALID, f"http: {error}") from None


def _target(endpoint: Endpoint, connections: Connections) -> tuple[URL, str | None, bool]:
    """Address, Authorization header and whether the settings gave the address."""
    url = _url(endpoint.uri)
    credentials = _credentials(endpoint.authentication)
    if url.scheme != NAMED:
        if url.user is not None or url.password is not None:
            raise Refused(Reason.INPUT_INVALID, "http: credentials in the URI; say `endpoint.authentication` instead")
        return _http(url), credentials, False
    base = _http(_url(connections.url(url.host or "")))
    if base.user is not None and credentials is None:
        credentials = _basic(base.user, base.password or "")
    path = base.raw_path.rstrip("/") + url.raw_path
    target = base.with_user(None).with_path(path, encoded=True).with_query(url.query)
    return target, credentials, True


def _url(text: str) -> URL:
    try:
        return URL(text).with_fragment(None)
    except ValueError:
        raise Refused(Reason.INPUT_INVALID, "http: the endpoint is not a URI") from None


def _http(url: URL) -> URL:
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(Reason.INPUT_INVALID, "http: the endpoint is not an http or https URI with a host")
    return url


def _credentials(authentication: Authentication | None) -> str | None:
    if authentication is None:
        return None
    if authentication.basic is not None:
        return _basic(authentication.basic.username, authentication.basic.password)
    if authentication.bearer is not None:
        return f"Bearer {authentication.bearer.token}"
    raise Refused(Reason.INPUT_INVALID, "http: authentication is neither basic nor bearer")


def _basic(username: str, password: str) -> str:
    try:
        return aiohttp.encode_basic_auth(username, password)
    except ValueError:
        raise Refused(Reason.INPUT_INVALID, "http: a user name of basic authentication holds a colon") from None


def _headers(arguments: Arguments, credentials: str | None) -> CIMultiDict[str]:
    headers = CIMultiDict((name, codecs.text(value)) for name, value in (arguments.headers or {}).items())
    if credentials is not None:
        headers["Authorization"] = credentials
    if any(_unsafe(name) or _unsafe(value) for name, value in headers.items()):
        raise Refused(Reason.INPUT_INVALID, "http: a header holds control characters")
    return headers


def _unsafe(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _body(arguments: Arguments, headers: CIMultiDict[str]) -> bytes | None:
    if arguments.body is None:
        return None
    content_type = headers.setdefault("Content-Type", codecs.JSON)
    try:
        return codecs.encode(arguments.body, content_type)
    except codecs.CodecError as error:
        raise Refused(Reason.INPUT_INVALID, f"http: {error}") from None


def _with_query(url: URL, arguments: Arguments) -> URL:
    pairs = [
        (name, codecs.text(each))
        for name, many in (arguments.query or {}).items()
        for each in (many if isinstance(many, list) else [many])
    ]
    return url.extend_query(pairs) if pairs else url
