"""`/v1/replays`: past events processed anew, and what that showed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.messages import REPLAY_ACTION
from schemas.times import rfc3339
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.awaiting import awaited
from streams.gateway.bodies import LINE, idempotency_key, one_line, read_object
from streams.gateway.instances import CURSOR, LIMIT
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.replay_wishes import JSON_TYPES, MEMBERS, name_of, request_of
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.processors.replay import ACTIONS, reader
from streams.processors.replay.request import decode, encode, in_words
from streams.processors.replay.standing import CANCELLED, COMPLETED, FAILED, PAUSED, RUNNING
from streams.processors.replay.survey import surveyed
from streams.readmodel.paging import Found

Fields = dict[str, Any]
STATUSES = (RUNNING, PAUSED, COMPLETED, CANCELLED, FAILED)
NUMBER: Schema = {"type": "integer"}
COUNTS = ("held", "gone", "read", "from_history", "unreadable", "replayed", "changed", "unanswered")


async def list_replays(request: web.Request) -> web.Response:
    """A page of replays, the newest first."""
    ours = services(request)
    query = read_query(request, LIST_QUERY)
    filters = {"status": query["status"]} if "status" in query else {}
    page = await asyncio.to_thread(
        reader.replays, ours.reader.engine, filters, limit=query.get("limit", 50), cursor=query.get("cursor")
    )
    return json_answer({"replays": [await shown(ours, row) for row in page.rows], "next": page.next})


async def show_replay(request: web.Request) -> web.Response:
    """One replay, and its report as far as it is."""
    return json_answer(await told(services(request), request.match_info["name"]))


async def told(ours: Services, name: str) -> Fields:
    """A replay with its report; raises ProblemError (404)."""
    row = await known(ours, name)
    report = await asyncio.to_thread(reader.report, ours.reader.engine, name)
    return {**await shown(ours, row), "report": report}


async def list_results(request: web.Request) -> web.Response:
    """What became of single events."""
    ours = services(request)
    query = read_query(request, RESULTS_QUERY)
    name = request.match_info["name"]
    await known(ours, name)
    cell: dict[str, str] = {each: query[each] for each in ("before", "after", "task") if each in query}
    page = await asyncio.to_thread(
        reader.results, ours.reader.engine, name, cell, changed="changed" in query,
        limit=query.get("limit", 50), cursor=query.get("cursor"),
    )  # fmt: skip
    return json_answer({"results": [_result(row) for row in page.rows], "next": page.next})


async def start_replay(request: web.Request) -> web.Response:
    """Begins to process past events anew."""
    ours = services(request)
    wish = await read_object(request, MEMBERS, required=("topics",))
    if wish.get("dry_run"):
        return json_answer(await counted(ours, wish))
    name, row = await begun(ours, wish, idempotency_key(request), named="Idempotency-Key" in request.headers)
    return await _answer(ours, name, "start", row)


async def counted(ours: Services, wish: Fields) -> Fields:
    """What a replay would process; raises ProblemError, or what reading a definition and Kafka raise."""
    asked = await request_of(ours, wish)
    return await surveyed(ours.settings, asked, ours.definitions, ours.reader.engine, ours.codec, ours.now_ms())


async def begun(ours: Services, wish: Fields, key: str, *, named: bool) -> tuple[str, Found | None]:
    """Has a replay begin: its name, and its row where that has been seen; raises as `counted`. `named`: whether the key
    is the caller's, who may send it again; it is in the name then, where none is given."""
    asked = await request_of(ours, wish)
    name = name_of(ours, wish, key if named else None)
    taken = await asyncio.to_thread(reader.replay, ours.reader.engine, name)
    if taken is not None and taken["action_id"] != _action_id(key, name):
        raise ProblemError(409, "refused", f"{name}: there has been a replay of this name; give another.")
    fields = {"request": encode(asked), "why": _why(wish)}
    return name, await say(ours, name, "start", wish.get("actor") or "api", fields, _action_id(key, name))


async def pause_replay(request: web.Request) -> web.Response:
    """Lets a replay stand until it is resumed."""
    return await _act(request, "pause")


async def resume_replay(request: web.Request) -> web.Response:
    """Lets a replay go on."""
    return await _act(request, "resume")


async def cancel_replay(request: web.Request) -> web.Response:
    """Ends a replay; what it has found stays."""
    return await _act(request, "cancel")


async def _act(request: web.Request, verb: str) -> web.Response:
    wish = await read_object(request, {"why": str, "actor": str})
    name = request.match_info["name"]
    ours = services(request)
    await known(ours, name)
    return await _said(ours, name, verb, wish, {"why": _why(wish)}, idempotency_key(request))


async def _said(ours: Services, name: str, verb: str, wish: Fields, more: Fields, key: str) -> web.Response:
    row = await say(ours, name, verb, wish.get("actor") or "api", more, _action_id(key, name))
    return await _answer(ours, name, verb, row)


async def _answer(ours: Services, name: str, verb: str, row: Found | None) -> web.Response:
    if row is None:
        return json_answer({"name": name, "status": None}, status=202)
    if row["refused"] is not None:
        raise ProblemError(409, "refused", f"{name}: {row['refused']}.")
    return json_answer(await shown(ours, row), status=201 if verb == "start" else 200)


def _action_id(key: str, name: str) -> str:
    return f"{key}#{name}"


async def say(
    ours: Services, name: str, verb: str, actor: str, more: Mapping[str, Any], action_id: str
) -> Found | None:
    """Tells the decision to the processor; gives the row that says what became of it, None where that takes long."""
    fields = {
        "name": name, "action_id": action_id, "action": verb, "actor": one_line("actor", actor),
        "at_ms": ours.now_ms(), **more,
    }  # fmt: skip
    await ours.publisher.publish([Outgoing(ACTIONS, name.encode(), ours.codec.encode(REPLAY_ACTION, fields))])

    async def look() -> Found | None:
        row = await asyncio.to_thread(reader.replay, ours.reader.engine, name)
        return row if row is not None and row["action_id"] == action_id else None

    return await awaited(ours, look)


async def known(ours: Services, name: str) -> Found:
    """The row of a replay; raises ProblemError (404) where there is none."""
    row = await asyncio.to_thread(reader.replay, ours.reader.engine, name)
    if row is None:
        raise ProblemError(404, "not-found", "No replay of this name has been seen, or not yet.")
    return row


async def shown(ours: Services, row: Found) -> Fields:
    """A replay as people and JSON are told it."""
    _, state = await ours.codec.decode_learning(row["message"])
    asked = in_words(decode(state["request"]))
    for name in ("since", "until"):
        at_ms = asked.pop(f"{name}_ms")
        asked[name] = None if at_ms is None else rfc3339(at_ms)
    return {
        **{name: state[name] for name in ("name", "status", "actor", "detail")},
        "started": rfc3339(state["started_at_ms"]),
        "changed_at": rfc3339(state["at_ms"]),
        "ended": None if state["ended_at_ms"] is None else rfc3339(state["ended_at_ms"]),
        **{name: state[name] for name in COUNTS},
        "request": asked,
    }


def _result(row: Found) -> Fields:
    told = {str(name): value for name, value in row.items() if name not in ("replay", "time_ms")}
    return {**told, "time": rfc3339(row["time_ms"])}


def _why(wish: Fields) -> str | None:
    return None if wish.get("why") is None else one_line("why", wish["why"])


REPLAY: Schema = object_of(
    {
        "name": TEXT,
        "status": text_of(STATUSES),
        "actor": TEXT,
        "detail": OPTIONAL_TEXT,
        "started": TEXT,
        "changed_at": TEXT,
        "ended": OPTIONAL_TEXT,
        **dict.fromkeys(COUNTS, NUMBER),
        "request": {"type": "object"},
    }
)
REPORT: Schema = object_of(
    {
        "events": NUMBER,
        "outcomes": list_of(object_of({"before": TEXT, "after": TEXT, "events": NUMBER})),
        "routes": list_of(object_of({"task": TEXT, "before": TEXT, "after": TEXT, "events": NUMBER})),
        "stopped": list_of(object_of({"step": TEXT, "events": NUMBER})),
        "outputs": {"type": "object"},
        "people": {"type": "object"},
        "calls": {"type": "object"},
        "cost": {"type": "object"},
        "time": {"type": "object"},
    }
)
SURVEY: Schema = {
    **object_of({"held": NUMBER, "gone": NUMBER, "looked_at": NUMBER, "meant": NUMBER}, sample=list_of({})),
    "description": "Of a dry run: what would be processed.",
}
WISH: Schema = object_of(
    {"topics": list_of(TEXT)},
    **{name: JSON_TYPES[kind] for name, kind in MEMBERS.items() if name not in ("topics", "why", "actor")},
    why=LINE,
    actor=LINE,
)
LIST_QUERY = (Parameter("status", "Where it is.", text_of(STATUSES)), LIMIT, CURSOR)
RESULTS_QUERY = (
    Parameter("before", "How the first run ended, or the route that it took at the task."),
    Parameter("after", "The same of the run anew."),
    Parameter("task", "Name of a task whose routes are meant."),
    Parameter("changed", "Only those that came to something else.", text_of(("true",))),
    LIMIT,
    CURSOR,
)
_WHO = {"application/json": object_of({}, why=LINE, actor=LINE)}


def _route(verb: str, handler: Any, summary: str) -> Route:
    return Route(
        method="POST",
        path=f"/v1/replays/{{name}}/{verb}",
        handler=handler,
        summary=summary + " 202: taken note of, but not seen yet.",
        answers={200: REPLAY, 202: object_of({"name": TEXT})},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body=_WHO,
        verb=f"replays {verb}",
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/replays",
        handler=list_replays,
        summary="List replays of past events, newest first.",
        answers={200: object_of({"replays": list_of(REPLAY), "next": OPTIONAL_TEXT})},
        problems=(400, 503),
        query=LIST_QUERY,
        verb="replays list",
    ),
    Route(
        method="POST",
        path="/v1/replays",
        handler=start_replay,
        summary="Process past events anew, and compare. 202: taken note of, but not seen yet.",
        answers={200: SURVEY, 201: REPLAY, 202: object_of({"name": TEXT})},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": WISH},
        verb="replay",
    ),
    Route(
        method="GET",
        path="/v1/replays/{name}/results",
        handler=list_results,
        summary="List what became of single events of a replay: those behind a cell of its report.",
        answers={200: object_of({"results": list_of({"type": "object"}), "next": OPTIONAL_TEXT})},
        problems=(400, 404, 503),
        query=RESULTS_QUERY,
        verb="replays show",
    ),
    Route(
        method="GET",
        path="/v1/replays/{name}",
        handler=show_replay,
        summary="Show a replay and its report as far as it is.",
        answers={200: {"allOf": [REPLAY, object_of({"report": REPORT})]}},
        problems=(404, 503),
        verb="replays show",
    ),
    _route("pause", pause_replay, "Let a replay stand until it is resumed."),
    _route("resume", resume_replay, "Let a replay go on."),
    _route("cancel", cancel_replay, "End a replay; what it has found stays."),
)
