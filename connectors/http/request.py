"""From the arguments of `call: http` to a request, before anything is sent.

Beside what the definition language says: `endpoint` may be `connection://NAME/path`, whose address, and credentials
if any, come from the site (`hub.connections`), and effectful requests carry the header `Idempotency-Key`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from connectors.codecs import bodies as codecs
from connectors.http import CONTENT, HTTP
from connectors.hub.connections import Connections
from connectors.hub.contract import Asked, Refused
from schemas.functions import EffectClass
from schemas.payload import Json
from schemas.reasons import Reason

KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255  # what services with such a header are known to take
NAMED = "connection"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NO_ADDRESS = "is no http or https address with a host"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it will be sent."""

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes | None = field(repr=False)
    output: str
    accepts_redirect: bool
    named: bool  # the address comes from the site


def read(asked: Asked, effect: EffectClass, connections: Connections) -> Request:
    """The request for the call; raises Refused or ArgumentError."""
    arguments = asked.arguments
    endpoint = arguments["endpoint"]
    uri, authentication = (endpoint, None) if isinstance(endpoint, str) else _parts(endpoint)
    url, credentials, named = _target(uri, authentication, connections)
    headers = _headers(arguments.get("headers"), credentials)
    body = _body(arguments.get("body"), headers)
    if effect.effectful:
        headers.setdefault(KEY_HEADER, key_header(asked.call.key))
    return Request(
        arguments["method"],
        _with_query(url, arguments.get("query")),
        headers,
        body,
        arguments.get("output", CONTENT),
        arguments.get("redirect", False),
        named,
    )


def key_header(key: str) -> str:
    """The step id as a header value: readable where it fits, its SHA-256 where it is too long."""
    value = quote(key, safe="/~:@!$&'()*+,;=")
    return value if len(value) <= MAX_KEY_LENGTH else sha256(key.encode()).hexdigest()


def _parts(endpoint: Mapping[str, Json]) -> tuple[str, Mapping[str, Json] | None]:
    return endpoint["uri"], endpoint.get("authentication")


def _target(
    uri: str, authentication: Mapping[str, Json] | None, connections: Connections
) -> tuple[URL, str | None, bool]:
    """Address, Authorization header and whether the site gave the address."""
    url = _url(uri)
    credentials = None if authentication is None else _credentials(authentication)
    if url is None or (url.scheme != NAMED and not _speaks_http(url)):
        raise HTTP.fault("endpoint", NO_ADDRESS)
    if url.scheme != NAMED:
        if url.user is not None or url.password is not None:
            remedy = "name a connection, which holds them: connection://NAME/path"
            raise HTTP.fault("endpoint", "holds credentials", remedy)
        return url, credentials, False
    base = _base(url.host or "", connections)
    if base.user is not None and credentials is None:
        credentials = _basic(base.user, base.password or "")
    path = base.raw_path.rstrip("/") + url.raw_path
    target = base.with_user(None).with_path(path, encoded=True).with_query(url.query)
    return target, credentials, True


def _base(name: str, connections: Connections) -> URL:
    base = _url(connections.url(name))
    if base is None or not _speaks_http(base):
        raise Refused(Reason.MISCONFIGURED, f"connection {name}: its address {NO_ADDRESS}; correct it")
    return base


def _url(text: str) -> URL | None:
    try:
        return URL(text.partition("#")[0])  # a fragment stays with the caller
    except ValueError:
        return None


def _speaks_http(url: URL) -> bool:
    return url.scheme in ("http", "https") and bool(url.host)


def _credentials(authentication: Mapping[str, Json]) -> str:
    match authentication:
        case {"basic": basic}:
            return _basic(basic["username"], basic["password"])
        case {"bearer": bearer}:
            return f"Bearer {bearer['token']}"
    raise HTTP.fault("endpoint.authentication", "is neither basic nor bearer", "write one of the two")


def _basic(username: str, password: str) -> str:
    try:
        return aiohttp.encode_basic_auth(username, password)
    except ValueError:
        place = "endpoint.authentication.basic.username"
        raise HTTP.fault(place, "holds a colon", "basic authentication has none in a user") from None


def _headers(given: Mapping[str, Json] | None, credentials: str | None) -> CIMultiDict[str]:
    headers = CIMultiDict((name, codecs.text(value)) for name, value in (given or {}).items())
    if credentials is not None:
        headers["Authorization"] = credentials
    if any(_CONTROL.search(name) or _CONTROL.search(value) for name, value in headers.items()):
        raise HTTP.fault("headers", "hold control characters", "leave line ends and the like out")
    return headers


def _body(body: Json, headers: CIMultiDict[str]) -> bytes | None:
    if body is None:
        return None
    content_type = headers.setdefault("Content-Type", codecs.JSON)
    try:
        return codecs.encode(body, content_type)
    except codecs.CodecError as error:
        remedy = "write it so, or name another media type in the header Content-Type"
        raise HTTP.fault("body", f"cannot be sent: {error}", remedy) from None


def _with_query(url: URL, query: Mapping[str, Json] | None) -> URL:
    pairs = [
        (name, codecs.text(each))
        for name, many in (query or {}).items()
        for each in (many if isinstance(many, list) else [many])
    ]
    return url.extend_query(pairs) if pairs else url
