"""What a page is: a route with a function that turns a visit into a view."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from streams.console.rights import Actor
from streams.gateway.services import Services


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request by somebody known."""

    request: web.Request
    services: Services
    actor: Actor
    form_token: str  # proves that a form was made by us, for this session
    now_ms: int

    def query(self, name: str) -> str:
        """A parameter of the query; empty where it is not given."""
        return self.request.query.get(name, "").strip()[:1024]

    async def form(self) -> dict[str, str]:
        """The texts of the form that was sent, each by its name; no files."""
        return {name: value for name, value in (await self.request.post()).items() if isinstance(value, str)}


@dataclass(frozen=True, kw_only=True)
class View:
    """What a page shows: `data` goes into the template and into JSON, `drawn` into the template only."""

    template: str
    data: Mapping[str, Any]
    drawn: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Shown = View | web.StreamResponse


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page or act. `open` ones are shown to anybody; `section` is what the navigation marks. What a `live` page
    shows in its parts (`data-part`) is the same for everybody. A form may come with `files`."""

    path: str
    show: Callable[[Visit], Awaitable[Shown]]
    section: str = ""
    method: str = "GET"
    open: bool = False
    live: bool = False  # changes by itself while somebody looks
    files: bool = False


def see_other(path: str) -> web.Response:
    """Sends the browser on with a GET, so that reloading repeats no act."""
    return web.Response(status=303, headers={"Location": path})
