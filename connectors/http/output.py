"""What a call gives of an answer: its content, its bytes, or everything with the request.

Nothing that the site holds (credentials, and what it has put into the path and query of a connection's address) is
shown. What a request is shown with is what the definition itself has said.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from connectors.codecs import bodies as codecs
from connectors.http import CONTENT, RAW, pages
from connectors.http.reply import Reply
from connectors.http.request import Request
from connectors.http.unpacking import TooLargeError
from schemas.payload import Json

HIDDEN_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
HIDDEN = "..."
_ENDS = r"(?![\w.~%-])"  # of a name in an address
WITH_ADDRESSES = ("location", "content-location", "link", "refresh")


def shaped(request: Request, reply: Reply, body: bytes) -> Json:
    """The output of the call; `body` is what the answer holds, unpacked. Raises CodecError."""
    if reply.saved is not None:
        return reply.saved if request.output == CONTENT else _everything(request, reply, reply.saved)
    if request.output == RAW:
        return base64.b64encode(body).decode()
    try:
        content = codecs.decode(body, reply.headers.get("content-type", ""))
    except codecs.CodecError as error:
        raise codecs.CodecError(f"{error}; output: raw gives it as it is") from None
    if request.pages is not None:
        return pages.page(request.pages, request, reply, content)
    return content if request.output == CONTENT else _everything(request, reply, content)


def said(request: Request, reply: Reply, limit: int) -> Json:
    """What an answer says that is an error; None where that is nothing, too much, or not what it claims to be."""
    try:
        body = reply.content(limit)
        if request.output == RAW:
            return base64.b64encode(body).decode() or None
        return codecs.decode(body, reply.headers.get("content-type", ""))
    except (TooLargeError, codecs.CodecError):
        return None


def _everything(request: Request, reply: Reply, content: Any) -> Json:
    sent = {"method": request.method, "uri": request.shown, "headers": _shown(request.headers)}
    headers = _shown(reply.headers)
    if request.named:
        headers |= {name: _without_base(headers[name], request) for name in WITH_ADDRESSES if name in headers}
    return {"request": sent, "statusCode": reply.status, "headers": headers, "content": content}


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as plain texts: names of aiohttp's headers are of a kind that is no JSON."""
    return {str(name): value for name, value in headers.items() if name.lower() not in HIDDEN_HEADERS}


def _without_base(value: str, request: Request) -> str:
    """Addresses as the definition would write them; what is left of the site's own path and query is hidden."""
    base = request.base
    if base is None:
        return value
    path = base.path.rstrip("/")
    start = f"{re.escape(base.scheme)}://{re.escape(base.authority.rpartition('@')[2])}"
    below = rf"(?:{start}{re.escape(path)}|(?:(?<=<)|^){re.escape(path) or '(?=/)'}){_ENDS}"
    value = re.sub(below, f"connection://{request.named}", value)
    secrets = ([path] if path else []) + [each for each in base.query.split("&") if each]
    for secret in secrets:
        value = re.sub(re.escape(secret) + _ENDS, HIDDEN, value)
    return value
