"""A list in pages: how a call asks for one of them, and what its answer says of the next.

Each page is a call of its own; whoever asks for all of them asks again with `next` as `pages.at`, until there is none.
So each page is a step with its own record. A page leads nowhere else: what comes next is asked of the same host, below
the same connection, whatever the answer says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from connectors.codecs.scalars import CodecError, text
from connectors.http import CONTENT, CURSOR, HTTP, LINK, OFFSET, PAGE, PAGES, address
from connectors.http.reply import Reply
from connectors.http.request import Request
from connectors.mappings import paths
from schemas.payload import Json

OF_CONNECTION = ("by", "items", "next", "parameter", "size", "limit", "first")
MOST_CURSOR = 4_096  # characters
MOST_SIZE = 100_000
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_RELATION = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)
_HEADER = re.compile(r"[!#$%&'*+\-^_`|~0-9A-Za-z]+")
_FIRST = {OFFSET: 0, PAGE: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How a list is divided, and which page is asked for."""

    by: str
    items: paths.Path
    told: paths.Path | str | None  # where the next page is told: in the body, or in the header of that name
    parameter: paths.Path | str  # which member of the body, or of the query, says which page is meant
    size: int | None
    limit: str | None
    at: Json  # None: the first page


def read(given: Mapping[str, Json]) -> Pages:
    """The declaration of a call; raises ArgumentError."""
    by = given.get("by")
    if by is None:
        raise _fault("by", "is missing", "write by: link, cursor, offset or page")
    told = given.get("next")
    if by in _FIRST and told is not None:
        raise _fault("next", f"is nothing for {by}", "leave it out: the next page is counted")
    if by == CURSOR and told is None:
        raise _fault("next", "is missing", "write where the cursor is told: next: .meta.next, or the name of a header")
    size = given.get("size")
    if size is not None and (type(size) is not int or not 1 <= size <= MOST_SIZE):
        raise _fault("size", f"is no whole number from 1 to {MOST_SIZE}", "write size: 100")
    at = given.get("at", given.get("first", _FIRST.get(by)))
    if by in _FIRST and (type(at) is not int or at < 0):
        raise _fault("at" if "at" in given else "first", "is no whole number", "write first: 1")
    if at is not None and (type(at) not in (str, int) or len(str(at)) > MOST_CURSOR):
        raise _fault("at", "is no page", "write what `next` of the page before says")
    return Pages(
        by=by,
        items=_path("items", given.get("items", ".")),
        told=_place("next", told),
        parameter=_place("parameter", given.get("parameter")) or by,
        size=size,
        limit=given.get("limit"),
        at=at,
    )


def declared(given: Mapping[str, Json]) -> dict[str, Json]:
    """What somebody has written, checked as the arguments of a call are. Raises ArgumentError."""
    found: dict[str, Json] = PAGES.read(HTTP.name, dict(given))
    return found


def asking(pages: Pages, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The arguments of the call for this page; raises ArgumentError."""
    asked = dict(arguments)
    if pages.by == LINK:
        if pages.at is not None:
            asked["endpoint"] = _linked(asked["endpoint"], str(pages.at))
            asked["query"] = {}  # the link has all of it
        elif pages.size is not None and pages.limit:
            asked["query"] = {**(asked.get("query") or {}), pages.limit: pages.size}
        return asked
    more: dict[str, Json] = {pages.limit: pages.size} if pages.limit and pages.size is not None else {}
    if pages.at is not None:
        if isinstance(pages.parameter, str):
            more[pages.parameter] = pages.at
        else:
            asked["body"] = _with(asked.get("body"), pages.parameter, pages.at)
    asked["query"] = {**(asked.get("query") or {}), **more}
    return asked


def page(pages: Pages, request: Request, reply: Reply, content: Json) -> Json:
    """What a page gives: its items, and what the next is asked with, null behind the last. Raises CodecError."""
    items = paths.taken(content, pages.items)
    if items is None:
        items = []
    if not isinstance(items, list):
        raise CodecError("its page has no list at pages.items")
    return {"items": items, "next": _next(pages, request, reply, content, len(items))}


def _next(pages: Pages, request: Request, reply: Reply, content: Json, count: int) -> Json:
    if pages.by in _FIRST:
        is_last = count == 0 or (pages.size is not None and count < pages.size)
        return None if is_last else pages.at + (count if pages.by == OFFSET else 1)
    found = _told(pages, reply, content)
    if found is None or found == "":
        return None
    if type(found) not in (str, int) or len(str(found)) > MOST_CURSOR:
        raise CodecError("what its page says of the next is neither a text nor a number, or too long")
    following = _address(request, str(found)) if pages.by == LINK else found
    if following == pages.at:
        raise CodecError("its page names itself as the next")
    return following


def _told(pages: Pages, reply: Reply, content: Json) -> Json:
    if isinstance(pages.told, tuple):
        found = paths.taken(content, pages.told)
        return None if found is paths.MISSING or found is False else found
    if pages.told is not None and pages.told.lower() != LINK:
        return reply.headers.get(pages.told.lower())
    for target, parameters in _LINK.findall(reply.headers.get("link", "")):
        relation = _RELATION.search(parameters)
        if relation is not None and "next" in (relation[1] or relation[2] or "").lower().split():
            return target
    return None


def _address(request: Request, target: str) -> str:
    """Where a link leads, as the definition would write it: nothing that the site has put into its address is shown."""
    try:
        found = address.parse(urljoin(str(request.url), target))
        start = address.origin(found)
    except (address.AddressError, ValueError):
        raise CodecError("the address of its next page is none") from None
    if start.host != request.url.host:
        raise CodecError("its next page is on another host")
    if not request.named:
        origin = request.url.origin()
        return f"{origin}{found.path}" + (f"?{found.query}" if found.query else "")
    base = request.base
    path, hidden = ("", "") if base is None else (base.path.rstrip("/"), base.query)
    below = found.path.removeprefix(path)
    if not found.path.startswith(path) or (below and not below.startswith("/")):
        raise CodecError("its next page is outside of the address of the connection")
    given = hidden.split("&")
    query = "&".join(each for each in found.query.split("&") if each not in given)
    return f"{address.NAMED}://{request.named}{below}" + (f"?{query}" if query else "")


def _linked(endpoint: Json, target: str) -> Json:
    """The endpoint of a page that a link names: on the host of the call, or at its connection."""
    whole = endpoint["uri"] if isinstance(endpoint, dict) else endpoint
    try:
        asked, found = address.parse(str(whole)), address.parse(target)
    except address.AddressError:
        raise _fault("at", "is no address", "write what `next` of the page before says") from None
    if (asked.scheme, asked.authority.lower()) != (found.scheme, found.authority.lower()):
        raise _fault("at", "leads elsewhere than endpoint", "write what `next` of the page before says")
    return {**endpoint, "uri": target} if isinstance(endpoint, dict) else target


def _with(body: Json, path: paths.Path, value: Json) -> Json:
    """The body with the cursor at its place."""
    if body is not None and not isinstance(body, dict):
        raise _fault("parameter", "is a place in the body, which is no object", "write the name of a query parameter")
    made = dict(body or {})
    name = str(path[0])
    made[name] = value if len(path) == 1 else _with(made.get(name), path[1:], value)
    return made


def _place(name: str, written: Json) -> paths.Path | str | None:
    """A path, which begins with a dot, or a name."""
    if written is None:
        return None
    if written.startswith("."):
        found = _path(name, written)
        if name == "parameter" and (not found or not all(isinstance(part, str) for part in found)):
            raise _fault(name, "is no member of the body", "write .page.after")
        return found
    if name == "next" and not _HEADER.fullmatch(written):
        raise _fault(name, "is neither a path nor the name of a header", "write .meta.next, or X-Next-Cursor")
    return written if isinstance(written, str) else text(written)


def _path(name: str, written: Json) -> paths.Path:
    try:
        whole, path = paths.source_path(written)
    except paths.PathError as error:
        raise _fault(name, str(error), f"write {name}: .data") from None
    if whole or not written.startswith("."):
        raise _fault(name, "is no path", f"write {name}: .data")
    return path


def _fault(place: str, what: str, remedy: str) -> Exception:
    return HTTP.fault(f"pages.{place}", what, remedy)


def is_plain(arguments: Mapping[str, Json]) -> bool:
    """Whether the answer is to be shown as its content, as pages have to be."""
    return arguments.get("output", CONTENT) == CONTENT and not arguments.get("redirect", False)
