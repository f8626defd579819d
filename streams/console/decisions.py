"""`/decisions`: what models decided, and what people made of it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from urllib.parse import quote, urlencode

import msgspec
import orjson
from aiohttp import web

from models.making.page import POLICY, model_page
from models.serving.errors import RefusedModelError
from models.serving.shelf import Shelf, is_word
from streams.console import charts, decision_page, queries, words
from streams.console.decision import card_of, decision
from streams.console.page import Page, View, Visit
from streams.console.rendering import PRIVATE
from streams.gateway.problems import ProblemError
from streams.gateway.report import audited
from streams.processors.decide.places import folders, trusted
from streams.readmodel import presentation
from streams.readmodel.stored import stored

SINCE_MS = 7 * words.DAY
ROWS = 50
SETS = 10
_SET = ("version", "at_ms", "taken_for", "rows", "sources", "later", "contradicting")


async def show_all(visit: Visit) -> View:
    """The models that decided something in the last week."""
    found = await asyncio.to_thread(queries.routes, visit.services.reader, visit.now_ms - SINCE_MS)
    models: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for model, version, route, count in found:
        models[model, version][route] = count
    rows = [{"model": model, "version": version, "routes": routes} for (model, version), routes in models.items()]
    return View(template="decisions.html", data={"models": rows}, drawn={"quote": quote})


async def show(visit: Visit) -> View:
    """One model: its routes, its scores, what people answered where it asked them, its newest decisions, and what was
    taken of its labels."""
    model, reader, since = visit.request.match_info["model"], visit.services.reader, visit.now_ms - SINCE_MS
    page = await asyncio.to_thread(
        queries.decisions_of, reader, model, limit=ROWS, cursor=visit.query("cursor") or None
    )
    where = folders(visit.services.settings)
    decisions = [decision(each, where) for each in (await stored(visit.services.codec, page.rows)).messages]
    scores = await asyncio.to_thread(queries.scores, reader, model, since)
    tasks = await asyncio.to_thread(queries.answers_after, reader, model, since)
    answers = Counter(each["outcome"] for each in (await stored(visit.services.codec, tasks)).messages)
    counts = [each for each in await asyncio.to_thread(queries.routes, reader, since) if each[0] == model]
    sets = (await stored(visit.services.codec, await asyncio.to_thread(reader.label_sets, model, SETS))).messages
    newest = decisions[0] if decisions else None
    card = card_of(where, newest.model, newest.version) if newest else None
    data = {
        "model": model,
        "version": newest.version if newest else "",
        "certificate": newest.certificate if newest else "",
        "limit": newest.limit if newest else None,
        "routes": [{"version": version, "route": route, "count": count} for _, version, route, count in counts],
        "answers": dict(answers),
        "scores": len(scores),
        "decisions": decisions,
        "next": f"/decisions/{quote(model, safe='')}?{urlencode({'cursor': page.next})}" if page.next else None,
        "audits": await audited(visit.services, 0, visit.now_ms + 1, model),
        "inputs": [each.label for each in card.inputs] if card else [],
        "sets": [{name: each[name] for name in _SET} for each in sets],
    }
    versions = {version for _, version, _, _ in counts} | ({newest.version} if newest else set())
    drawn = {
        "cards": [(each, _card_path(model, each)) for each in sorted(versions) if is_word(model) and is_word(each)],
        "spread": charts.spread(scores, newest.limit if newest else None),
    }
    return View(template="model.html", data=data, drawn=drawn)


def _card_path(model: str, version: str) -> str:
    return f"/decisions/{quote(model, safe='')}/{quote(version, safe='')}"


async def show_card(visit: Visit) -> web.Response:
    """Card and certificate of one version, as `exlify models page` writes them."""
    name, version = (visit.request.match_info[part] for part in ("model", "version"))
    if not (is_word(name) and is_word(version)):
        raise ProblemError(404, "not-found", "There is no such model.")
    try:
        settings = visit.services.settings
        folder = Shelf(folders(settings)).folder(name, version)
        text = await asyncio.to_thread(model_page, folder, trusted(settings))
    except RefusedModelError:
        raise ProblemError(404, "not-found", "Its files are not on this machine, or cannot be used.") from None
    return _alone(text, POLICY)


async def show_one(visit: Visit) -> web.Response:
    """One decision with its reasons as bars, as `exlify decisions page` writes it."""
    services = visit.services
    row = await asyncio.to_thread(services.reader.decision, visit.request.match_info["decision_id"])
    if row is None:
        raise ProblemError(404, "not-found", "No decision of this id has been seen, or not yet.")
    record = orjson.loads(presentation.dumps(await presentation.record(services.codec, row["message"])))
    card = card_of(folders(services.settings), record["model"], record["model_version"])
    text = decision_page.decision_page(record, msgspec.to_builtins(card) if card else None)
    return _alone(text, decision_page.POLICY)


def _alone(text: str, policy: str) -> web.Response:
    """A page that needs nothing beside it."""
    headers = {**PRIVATE, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


PAGES = (
    Page(path="/decision/{decision_id:.+}", show=show_one, section="/decisions"),
    Page(path="/decisions", show=show_all, section="/decisions", live=True),
    Page(path="/decisions/{model}", show=show, section="/decisions", live=True),
    Page(path="/decisions/{model}/{version}", show=show_card, section="/decisions"),
)
