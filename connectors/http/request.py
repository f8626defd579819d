"""From the arguments of `call: http` to a request, before anything is sent.

Beside what the definition language says: `endpoint` may be `connection://NAME/path`, whose address, and credentials
if any, come from the site (`hub.connections`), and effectful requests carry the header `Idempotency-Key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from connectors.codecs import bodies as codecs
from connectors.codecs import multipart
from connectors.file.content import name_given
from connectors.file.folders import folder_of
from connectors.http import CONTENT, HTTP, MOST_SAVED, RAW, RESPONSE, SAVE, SEND, address
from connectors.http import authentication as authentications
from connectors.http import headers as header_fields
from connectors.http.files import FileBody
from connectors.hub.connections import Connections, folded
from connectors.hub.contract import Asked, Refused
from connectors.hub.identity import NOBODY, ApiKey, Basic, Bearer, Credentials, Identity, Webhook
from schemas.functions import EffectClass
from schemas.payload import Json
from schemas.reasons import Reason

if TYPE_CHECKING:
    from connectors.http.pages import Pages

BYTES = "application/octet-stream"
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
    tokens_at: str = ""  # host that the definition has tokens asked for at: the policy has to allow it, too
    save: FileBody | None = None  # the file that the body of the answer goes into
    send: FileBody | None = None  # that is the body
    pages: Pages | None = field(default=None, repr=False)  # that it asks for a page of a list, and how that is divided


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
    tokens_at: str = ""


def read(asked: Asked, effect: EffectClass, connections: Connections) -> Request:
    """The request for the call; raises Refused or ArgumentError."""
    arguments = asked.arguments
    endpoint = arguments["endpoint"]
    uri, authentication = (endpoint, None) if isinstance(endpoint, str) else _parts(endpoint)
    target = _target(uri, authentication, connections)
    headers = header_fields.read(arguments.get("headers") or {})
    if target.credentials is not None:
        headers["Authorization"] = target.credentials
    save, send = (_file(each, arguments, connections) for each in (SAVE.name, SEND.name))
    if send is not None:
        kind = headers.setdefault("Content-Type", BYTES)
        if codecs.parse(kind)[0] == multipart.MEDIA_TYPE and "boundary=" not in kind:
            raise HTTP.fault(SEND.name, "is no form in parts", "name the media type of the file in Content-Type")
    body = _body(arguments.get("body"), headers)
    if effect.effectful:
        headers.setdefault(KEY_HEADER, key_header(asked.call.key))
    more = address.query_of(arguments.get("query") or {})
    output = arguments.get("output", CONTENT)
    if save is not None and output == RAW:
        raise HTTP.fault(SAVE.name, "stands beside output: raw", "leave output out, or write output: response")
    if save is not None and arguments["method"] == "HEAD":
        raise HTTP.fault(SAVE.name, "has nothing to save: an answer to head has no body", "write method: get")
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
        target.tokens_at,
        save,
        send,
    )


def key_header(key: str) -> str:
    """The step id as a header value: readable where it fits, its SHA-256 where it is too long."""
    value = quote(key, safe="/~:@!$&'()*+,;=")
    return value if len(value) <= MAX_KEY_LENGTH else sha256(key.encode()).hexdigest()


def _parts(endpoint: Mapping[str, Json]) -> tuple[str, Mapping[str, Json] | None]:
    return endpoint["uri"], endpoint.get("authentication")


def _target(uri: str, authentication: Mapping[str, Json] | None, connections: Connections) -> _Target:
    given = _parsed(uri)
    if given.scheme == address.NAMED:
        return _named(given, authentication, connections)
    if "@" in given.authority:
        raise HTTP.fault("endpoint", "holds credentials", "name a connection, which holds them: connection://NAME/path")
    try:
        start = address.origin(given)
    except address.AddressError as error:
        raise HTTP.fault("endpoint", str(error)) from None
    if authentication is None:
        return _Target(start, given.path, given.query, given, None)
    who, tokens_at = authentications.read(authentication, start.host or "", connections)
    return _Target(start, given.path, given.query, given, _header(who), identity=_identity(who), tokens_at=tokens_at)


def _named(given: address.Address, authentication: Mapping[str, Json] | None, connections: Connections) -> _Target:
    """The address of a connection with what the definition adds to its path and query."""
    name = given.authority
    written = connections.url(name)
    try:
        base, start = _base(written)
    except address.AddressError as error:
        raise Refused(Reason.MISCONFIGURED, f"connection {name}: its address {error}; correct it") from None
    identity = connections.identity(name)
    if isinstance(identity.credentials, Webhook):
        raise Refused(Reason.MISCONFIGURED, f"connection {name} is for webhooks; send to it with call: webhook.send")
    tokens_at = ""
    if authentication is None:
        credentials, base = _site_credentials(start, identity, base)
    else:  # the definition says who it is
        who, tokens_at = authentications.read(authentication, start.host or "", connections)
        credentials, identity = _header(who), replace(identity, credentials=_identity(who).credentials)
    path = base.path.rstrip("/") + given.path if given.path else base.path
    return _Target(
        start, path, address.joined(base.query, given.query), given, credentials, name, base, identity, tokens_at
    )


@lru_cache(maxsize=512)
def _base(written: str) -> tuple[address.Address, URL]:
    """The address of a connection, and its origin. Raises AddressError."""
    base = address.parse(written)
    return base, address.origin(base)


def _site_credentials(start: URL, identity: Identity, base: address.Address) -> tuple[str | None, address.Address]:
    """The header of what the site has given, and its address, with the key if that stands in the query."""
    match identity.credentials:
        case Basic() | Bearer() as who:
            return _header(who), base
        case ApiKey(name, value, True):
            return None, base._replace(query=address.joined(base.query, address.query_of({name: value})))
    return None if start.user is None else _basic(start.user, start.password or ""), base


def _header(who: Credentials) -> str | None:
    """The header of who calls, where that is the same for every request."""
    match who:
        case Basic(username, password):
            return _basic(username, password)
        case Bearer(token):
            return f"Bearer {token}"
    return None


def _identity(who: Credentials) -> Identity:
    """What is left to be done when the request goes out."""
    return NOBODY if isinstance(who, Basic | Bearer) else Identity(who)


def _parsed(uri: str) -> address.Address:
    try:
        return address.parse(uri)
    except address.AddressError as error:
        raise HTTP.fault("endpoint", str(error)) from None


def _basic(username: str, password: str) -> str:
    try:
        return aiohttp.encode_basic_auth(username, password)
    except ValueError:
        place = "endpoint.authentication.basic.username"
        raise HTTP.fault(place, "holds a colon", "basic authentication has none in a user") from None


def _file(argument: str, arguments: Mapping[str, Json], connections: Connections) -> FileBody | None:
    """The file that an argument names, if that is given."""
    given = arguments.get(argument)
    if given is None:
        return None
    name = folded(given["connection"])
    most = given.get("most", MOST_SAVED)
    if type(most) is not int or most < 1:
        raise HTTP.fault(f"{argument}.most", "is no number of bytes", "write most: 2000000000")
    file = name_given(HTTP, f"{argument}.file", given["file"])
    return FileBody(name, folder_of(name, connections), file, most)


def _body(body: Json, headers: CIMultiDict[str]) -> bytes | None:
    if body is None:
        return None
    content_type = headers.setdefault("Content-Type", codecs.JSON)
    try:
        if codecs.parse(content_type)[0] == multipart.MEDIA_TYPE:
            written, boundary = multipart.write(body)
            headers["Content-Type"] = f"{multipart.MEDIA_TYPE}; boundary={boundary}"
            return written
        return codecs.encode(body, content_type)
    except codecs.CodecError as error:
        remedy = "write it so, or name another media type in the header Content-Type"
        raise HTTP.fault("body", f"cannot be sent: {error}", remedy) from None
