"""Headers that a definition gives: which of them may go out.

A definition says what a request is about. How it is framed (its length, where it ends, whom the connection is with) is
the client's; a header that says it otherwise would cut the body off, or smuggle in a second request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from multidict import CIMultiDict

from connectors.codecs.scalars import text
from connectors.http import HTTP, REFUSED_HEADERS
from schemas.payload import Json

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MOST_SHOWN = 64


def read(given: Mapping[str, Json]) -> CIMultiDict[str]:
    """The headers, in order; raises ArgumentError."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in given.items():
        written = text(value)
        if not _TOKEN.fullmatch(name):
            raise HTTP.fault("headers", "have a name that is none", "write letters, digits and hyphens: X-Total")
        if name.lower() in REFUSED_HEADERS:
            raise HTTP.fault("headers", f"hold {name}, which is the client's to say", "leave it out")
        check(f"headers.{name[:_MOST_SHOWN]}", written)
        if name in headers:
            raise HTTP.fault("headers", f"hold {name[:_MOST_SHOWN]} twice", "write it once, in one case of letters")
        headers[name] = written
    return headers


def check(place: str, value: str) -> None:
    """Raises ArgumentError for a value that no header can have."""
    if _CONTROL.search(value):
        raise HTTP.fault(place, "holds control characters", "leave line ends and the like out")
