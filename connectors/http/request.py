"""From the arguments of `call: http` to a request, before anything is sent.

Beside what the definition language says: `endpoint` may be `connection://NAME/path`, whose address, and credentials
if any, come from the site (`hub.connections`), and effectful requests carry the header `Idempotency-Key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from connectors.codecs import bodies as codecs
from connectors.http import CONTENT, HTTP, RESPONSE, address
from connectors.http import headers as header_fields
from connectors.hub.connections import Connections
from connectors.hub.contract import Asked, Refused
from connectors.hub.identity import NOBODY, ApiKey, Basic, Bearer, Identity, Webhook
from schemas.functions import EffectClass
from schemas.payload import Json
from schemas.reasons import Reason

KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255  # what services with such a header are known to take


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it will be sent."""

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes | None = field(repr=False)
    output: str
    accepts_redirect: bool
    named: str = ""  # connection that the address comes from, if it comes from the site
    base: address.Address | None = field(default=None, repr=False)  # what the site has given of it
    identity: Identity = NOBODY  # what of it is said when the request is sent, and shown to nobody
    shown: str = field(default="", repr=False)  # the address as the definition has it: nothing in it is the site's


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to: the origin, path and query that are sent, and what is shown of them."""

    start: URL
    path: str
    query: str
    shown: address.Address
    credentials: str | None
    named: str = ""
    base: address.Address | None = None
    identity: Identity = NOBODY


def read(asked: Asked, effect: EffectClass, connections: Connections) -> Request:
    """The request for the call; raises Refused or ArgumentError."""
    arguments = asked.arguments
    endpoint = arguments["endpoint"]
    uri, authentication = (endpoint, None) if isinstance(endpoint, str) else _parts(endpoint)
    target = _target(uri, authentication, connections)
    headers = header_fields.read(arguments.get("headers") or {})
    if target.credentials is not None:
        headers["Authorization"] = target.credentials
    body = _body(arguments.get("body"), headers)
    if effect.effectful:
        headers.setdefault(KEY_HEADER, key_header(asked.call.key))
    more = address.query_of(arguments.get("query") or {})
    output = arguments.get("output", CONTENT)
    return Request(
        arguments["method"],
        address.url(target.start, target.path, address.joined(target.query, more)),
        headers,
        body,
        output,
        arguments.get("redirect", False),
        target.named,
        target.base,
        target.identity,
        str(target.shown._replace(query=address.joined(target.shown.query, more))) if output == RESPONSE else "",
    )


def key_header(key: str) -> str:
    """The step id as a header value: readable where it fits, its SHA-256 where it is too long."""
    value = quote(key, safe="/~:@!$&'()*+,;=")
    return value if len(value) <= MAX_KEY_LENGTH else sha256(key.encode()).hexdigest()


def _parts(endpoint: Mapping[str, Json]) -> tuple[str, Mapping[str, Json] | None]:
    return endpoint["uri"], endpoint.get("authentication")


def _target(uri: str, authentication: Mapping[str, Json] | None, connections: Connections) -> _Target:
    given = _parsed(uri)
    credentials = None if authentication is None else _credentials(authentication)
    if given.scheme == address.NAMED:
        return _named(given, credentials, connections)
    if "@" in given.authority:
        raise HTTP.fault("endpoint", "holds credentials", "name a connection, which holds them: connection://NAME/path")
    try:
        return _Target(address.origin(given), given.path, given.query, given, credentials)
    except address.AddressError as error:
        raise HTTP.fault("endpoint", str(error)) from None


def _named(given: address.Address, credentials: str | None, connections: Connections) -> _Target:
    """The address of a connection with what the definition adds to its path and query."""
    name = given.authority
    written = connections.url(name)
    try:
        base = address.parse(written)
        start = address.origin(base)
    except address.AddressError as error:
        raise Refused(Reason.MISCONFIGURED, f"connection {name}: its address {error}; correct it") from None
    identity = connections.identity(name)
    if isinstance(identity.credentials, Webhook):
        raise Refused(Reason.MISCONFIGURED, f"connection {name} is for webhooks; send to it with call: webhook.send")
    if credentials is None:
        credentials, base = _site_credentials(start, identity, base)
    elif identity.credentials is not None:
        identity = replace(identity, credentials=None)  # the definition says who it is
    path = base.path.rstrip("/") + given.path if given.path else base.path
    return _Target(start, path, address.joined(base.query, given.query), given, credentials, name, base, identity)


def _site_credentials(start: URL, identity: Identity, base: address.Address) -> tuple[str | None, address.Address]:
    """The header of what the site has given, and its address, with the key if that stands in the query."""
    match identity.credentials:
        case Basic(username, password):
            return _basic(username, password), base
        case Bearer(token):
            return f"Bearer {token}", base
        case ApiKey(name, value, True):
            return None, base._replace(query=address.joined(base.query, address.query_of({name: value})))
    return None if start.user is None else _basic(start.user, start.password or ""), base


def _parsed(uri: str) -> address.Address:
    try:
        return address.parse(uri)
    except address.AddressError as error:
        raise HTTP.fault("endpoint", str(error)) from None


def _credentials(authentication: Mapping[str, Json]) -> str:
    match authentication:
        case {"basic": basic}:
            return _basic(basic["username"], basic["password"])
        case {"bearer": bearer}:
            header_fields.check("endpoint.authentication.bearer.token", bearer["token"])
            return f"Bearer {bearer['token']}"
    raise HTTP.fault("endpoint.authentication", "is neither basic nor bearer", "write one of the two")


def _basic(username: str, password: str) -> str:
    try:
        return aiohttp.encode_basic_auth(username, password)
    except ValueError:
        place = "endpoint.authentication.basic.username"
        raise HTTP.fault(place, "holds a colon", "basic authentication has none in a user") from None


def _body(body: Json, headers: CIMultiDict[str]) -> bytes | None:
    if body is None:
        return None
    content_type = headers.setdefault("Content-Type", codecs.JSON)
    try:
        return codecs.encode(body, content_type)
    except codecs.CodecError as error:
        remedy = "write it so, or name another media type in the header Content-Type"
        raise HTTP.fault("body", f"cannot be sent: {error}", remedy) from None
