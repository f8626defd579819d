"""Puts the pages into the gateway's application: who may see them, in which form they go out, how refusals look."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from streams.console import (
    alerts,
    audit,
    bulk,
    comparing,
    control,
    decisions,
    deeds,
    deliveries,
    deploying,
    find,
    inbox,
    incidents,
    instance,
    instances,
    letter,
    letter_acts,
    letters,
    overview,
    queries,
    repair,
    replaying,
    replays,
    report,
    systems,
    topics,
    workflows,
)
from streams.console.entry import FIELD, Entry, to_login
from streams.console.live import Hub, stream
from streams.console.page import Page, View, Visit
from streams.console.rendering import SECURITY, STATIC, as_json, html, page_text
from streams.console.rights import Act, Actor, Target, require
from streams.console.standing import REMEMBERED
from streams.gateway.problems import Handler, ProblemError, problem_of
from streams.gateway.services import Services
from streams.processors.view.bottlenecks import Remembered

FOR_EVER = "public, max-age=31536000, immutable"

SECTIONS = (  # path, name, and the key that leads there after a g
    ("/", "Overview", "o"),
    ("/workflows", "Workflows", "w"),
    ("/instances", "Instances", "n"),
    ("/inbox", "Inbox", "i"),
    ("/incidents", "Incidents", "c"),
    ("/alerts", "Alerts", "e"),
    ("/letters", "Letters", "l"),
    ("/decisions", "Decisions", "d"),
    ("/replays", "Replays", "r"),
    ("/systems", "Systems", "s"),
    ("/topics", "Topics", "t"),
    ("/audit", "Audit", "a"),
)
PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *workflows.PAGES,
    *comparing.PAGES,
    *deploying.PAGES,
    *instances.PAGES,
    *bulk.PAGES,
    *deeds.PAGES,
    *instance.PAGES,
    *repair.PAGES,
    *control.PAGES,
    *inbox.PAGES,
    *incidents.PAGES,
    *alerts.PAGES,
    *letters.PAGES,
    *letter_acts.PAGES,
    *letter.PAGES,
    *decisions.PAGES,
    *replays.PAGES,
    *replaying.PAGES,
    *systems.PAGES,
    *deliveries.PAGES,
    *report.PAGES,
    *topics.PAGES,
    *audit.PAGES,
    *find.PAGES,
)


def install(app: web.Application, services: Services) -> Collection[Handler]:
    """Adds the console; gives the handlers that see to it themselves who may come in."""
    entry, hub = Entry(services.settings), Hub(services)
    app.on_shutdown.append(hub.close)
    app[REMEMBERED] = Remembered()
    pages = (*entry.pages(), *PAGES)
    routes = [web.RouteDef(page.method, page.path, _handler(page, entry, services, hub), {}) for page in pages]
    routes.append(web.get("/static/{fingerprint}/{name}", _static))
    # Behind everything else, so that a browser that asks for what is not there gets a page.
    routes.append(web.get("/{path:(?!v1/|openapi|metrics|livez|readyz).*}", _handler(_NOWHERE, entry, services, hub)))
    app.add_routes(routes)
    return {route.handler for route in routes if isinstance(route, web.RouteDef)}


async def _nowhere(visit: Visit) -> View:
    raise ProblemError(404, "not-found", "There is no such page.")


_NOWHERE = Page(path="", show=_nowhere)


def _handler(page: Page, entry: Entry, services: Services, hub: Hub) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        session = entry.session(request)
        actor = entry.actor(session)
        if actor is None and not page.open:
            if _wants_json(request):
                return ProblemError(401, "session", "Log in at /login, or ask /v1 with a token.").response()
            return to_login(request)
        visit = Visit(
            request=request,
            services=services,
            actor=actor or Actor(""),
            form_token=entry.sessions.form_token(session),
            now_ms=services.now_ms(),
        )
        try:
            if page.method != "GET":
                await entry.require_own_form(request, files=page.files)
            elif not page.open:
                require(visit.actor, Act.LOOK, Target("page", page.path))
            if page.live and "text/event-stream" in request.headers.get("Accept", ""):
                changes = hub.follow(request.path_qs, lambda: _for_everybody(page, visit))
                return await stream(request, changes, session.until_s if session else None)
            shown = await page.show(visit)
            return shown if isinstance(shown, web.StreamResponse) else await _answer(page, visit, shown)
        except Exception as error:  # noqa: BLE001  # the edge: whatever went wrong is told as a page
            return await _refusal(page, visit, problem_of(error, request))

    return answer


async def _answer(page: Page, visit: Visit, view: View) -> web.Response:
    if _wants_json(visit.request):
        return as_json(view)
    return html(view, **await _around(page, visit))


async def _for_everybody(page: Page, visit: Visit) -> str:
    """What changes on the page as it is now, with nothing in it of who looks at it, nor of what stands around."""
    anybody = replace(visit, actor=Actor(""), form_token="", now_ms=visit.services.now_ms())
    shown = await page.show(anybody)
    return page_text(shown, _frame(page, anybody, 0) | {"parts_only": True}) if isinstance(shown, View) else ""


async def _around(page: Page, visit: Visit) -> dict[str, Any]:
    """What every page shows around its own."""
    known = bool(visit.actor.name)
    if not known:
        return _frame(page, visit, 0)
    tasks = await asyncio.to_thread(queries.open_tasks, visit.services.reader)
    return _frame(page, visit, tasks, await asyncio.to_thread(visit.services.reader.count_incidents))


def _frame(page: Page, visit: Visit, waiting: int, stopped: int = 0) -> dict[str, Any]:
    return {
        "actor": visit.actor,
        "section": page.section,
        "flow": partial(workflows.title_of_workflow, visit.services.definitions),
        "live": page.live,
        "parts_only": False,
        "sections": SECTIONS if visit.actor.name else (),
        "tasks_waiting": waiting,
        "steps_stopped": stopped,
        "form_field": FIELD,
        "form_token": visit.form_token,
        "now_ms": visit.now_ms,
    }


async def _refusal(page: Page, visit: Visit, error: ProblemError) -> web.Response:
    if _wants_json(visit.request) or "text/html" not in visit.request.headers.get("Accept", "text/html"):
        return error.response()
    data = {"status": error.status, "detail": error.detail, "kind": error.kind}
    view = View(template="error.html", data=data, status=error.status, headers=error.headers)
    try:
        return html(view, **await _around(page, visit))
    except Exception:  # noqa: BLE001  # the read model may be what is away
        return html(view, **_frame(page, visit, 0))


def _wants_json(request: web.Request) -> bool:
    asked = request.query.get("format")
    accept = request.headers.get("Accept", "")
    return asked == "json" if asked else "application/json" in accept and "text/html" not in accept


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _files():
        raise ProblemError(404, "not-found", "There is no such file.")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {**SECURITY, "Cache-Control": FOR_EVER, "Content-Type": f"{kind}; charset=utf-8"}
    return web.Response(body=await asyncio.to_thread((STATIC / name).read_bytes), headers=headers)


def _files() -> Sequence[str]:
    return [path.name for path in STATIC.iterdir()]
