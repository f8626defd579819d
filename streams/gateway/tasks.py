"""`/v1/tasks`: what waits for people, and what they do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from aiohttp import web

from schemas.catalogue import current
from schemas.messages import HUMAN_TASK
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, UNREADABLE, json_answer
from streams.gateway.bodies import LINE, idempotency_key, moment_to_come, one_line, read_object
from streams.gateway.instances import CURSOR, LIMIT
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.services import Services, services
from streams.gateway.settings import TaskSettings
from streams.gateway.task_acts import Fields, act, known_task
from streams.processors.human.fields import FIELDS, OPEN, Place
from streams.processors.human.rules import (
    CLAIM,
    COMMENT,
    COMPLETE,
    DELEGATE,
    MAX_COMMENT_LENGTH,
    PUT_ASIDE,
    RELEASE,
    UNDO,
)
from streams.readmodel import presentation
from streams.readmodel.stored import stored

FILTERS = tuple(field for field in FIELDS if field.filter)
DETAILS = frozenset(field.shown for field in FIELDS if field.place is Place.DETAIL)  # of one task only, not in lists

_MEMBERS: Mapping[str, Schema] = {
    **presentation.json_schema(current()[HUMAN_TASK]),
    **{field.shown: text_of(field.values) for field in FIELDS if field.values},
    "overdue": {"type": "boolean"},
}
BRIEF: Schema = object_of({name: schema for name, schema in _MEMBERS.items() if name not in DETAILS})
TASK: Schema = object_of(_MEMBERS)


async def list_tasks(request: web.Request) -> web.Response:
    """A page of tasks, oldest first."""
    ours = services(request)
    query = read_query(request, LIST_QUERY)
    filters = {field.name: query[field.name] for field in FILTERS if field.name in query}
    page = await asyncio.to_thread(
        ours.reader.tasks,
        filters,
        id_begins=query.get("task_id", ""),
        overdue_at_ms=ours.now_ms() if "overdue" in query else None,
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    found = await stored(ours.codec, page.rows)
    shown = [_presented(ours, task) for task in found.messages]
    brief = [{name: value for name, value in task.items() if name not in DETAILS} for task in shown]
    return json_answer({"tasks": brief, "next": page.next, "unreadable": found.unreadable})


async def show_task(request: web.Request) -> web.Response:
    """One task with its form and what it is about."""
    ours = services(request)
    return json_answer(_presented(ours, await known_task(ours, request.match_info["task_id"])))


async def complete_task(request: web.Request) -> web.Response:
    """Answers a task and waits a while for the processor's word."""
    members = {"outcome": str, "data": object, "actor": str, "expected_version": int, "undo_until": str}
    return await _acted(request, COMPLETE, members, ("outcome", "actor"), "undo_until")


async def claim_task(request: web.Request) -> web.Response:
    """Keeps a task for somebody, until a time."""
    return await _acted(request, CLAIM, {"actor": str, "until": str}, ("actor",), "until")


async def delegate_task(request: web.Request) -> web.Response:
    """Gives a task to a colleague, until a time."""
    members = {"actor": str, "to": str, "until": str}
    return await _acted(request, DELEGATE, members, ("actor", "to"), "until")


async def release_task(request: web.Request) -> web.Response:
    """Lets go of a task."""
    return await _acted(request, RELEASE, {"actor": str}, ("actor",))


async def put_task_aside(request: web.Request) -> web.Response:
    """Lets go of a task, and lets it come last until a time."""
    return await _acted(request, PUT_ASIDE, {"actor": str, "until": str}, ("actor",), "until")


async def undo_task(request: web.Request) -> web.Response:
    """Takes an answer back that does not count yet."""
    return await _acted(request, UNDO, {"actor": str}, ("actor",))


async def comment_task(request: web.Request) -> web.Response:
    """Notes something about a task, whoever works on it."""
    return await _acted(request, COMMENT, {"actor": str, "text": str}, ("actor", "text"))


async def _acted(
    request: web.Request, action: str, members: Mapping[str, type], required: Collection[str], until: str = ""
) -> web.Response:
    """Does something to a task. Sent again with the same Idempotency-Key it counts once."""
    ours = services(request)
    given = await read_object(request, members, required)
    given["actor"] = one_line("actor", given["actor"])
    if "text" in given:
        given["data"] = given.pop("text")
    if "to" in given:
        given["data"] = one_line("to", given.pop("to"))
    if given.get(until) is not None:
        given["until_ms"] = moment_to_come(until, given[until], ours.now_ms())
    elif action == CLAIM:
        given["until_ms"] = ours.now_ms() + 1_000 * ours.settings.of(TaskSettings).claim_s
    action_id = idempotency_key(request)
    task = await act(ours, await known_task(ours, request.match_info["task_id"]), action, given, action_id)
    if task is not None:
        return json_answer(_presented(ours, task))
    return json_answer(
        {"action_id": action_id, "detail": "Accepted; look at the task for what became of it."}, status=202
    )


def _presented(ours: Services, task: Fields) -> Fields:
    overdue = task["status"] == OPEN and task["due_ms"] is not None and task["due_ms"] < ours.now_ms()
    return {**presentation.message(task), "overdue": overdue}


LIST_QUERY = (
    *(Parameter(field.name, field.filter, text_of(field.values)) for field in FILTERS),
    Parameter("task_id", "The task's id, or how it begins."),
    Parameter("overdue", "Only those that are open and overdue.", text_of(("true",))),
    LIMIT,
    CURSOR,
)

_BY: Schema = object_of({"actor": LINE})
_BY_UNTIL: Schema = object_of({"actor": LINE}, until=TEXT)


def _route(verb: str, handler: Callable[[web.Request], Awaitable[web.Response]], summary: str, body: Schema) -> Route:
    return Route(
        method="POST",
        path=f"/v1/tasks/{{task_id:.+}}/{verb}",
        handler=handler,
        summary=summary + " 202: taken note of, but the processor has not said yet what became of it.",
        answers={200: TASK, 202: object_of({"action_id": TEXT, "detail": TEXT})},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": body},
        verb=f"tasks {verb}",
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/tasks",
        handler=list_tasks,
        summary="Find human tasks, oldest first.",
        answers={200: object_of({"tasks": list_of(BRIEF), "next": OPTIONAL_TEXT, "unreadable": UNREADABLE})},
        problems=(400, 503),
        query=LIST_QUERY,
        verb="tasks list",
    ),
    _route(
        "complete",
        complete_task,
        "Answer a task; with `undo_until` the answer can be taken back until then, and does not count before.",
        object_of(
            {"outcome": TEXT, "actor": LINE},
            data={},
            expected_version={"type": "integer", "minimum": 0},
            undo_until=TEXT,
        ),
    ),
    _route("claim", claim_task, "Keep a task for somebody, until a time.", _BY_UNTIL),
    _route(
        "delegate",
        delegate_task,
        "Give a task to a colleague, as if they had claimed it: for a day, or until a time.",
        object_of({"actor": LINE, "to": LINE}, until=TEXT),
    ),
    _route("release", release_task, "Let go of a task.", _BY),
    _route("put-aside", put_task_aside, "Let go of a task, and let it come last until a time.", _BY_UNTIL),
    _route("undo", undo_task, "Take an answer back, as long as it does not count.", _BY),
    _route(
        "comment",
        comment_task,
        "Note something about an open task, whoever works on it.",
        object_of({"actor": LINE, "text": {"type": "string", "minLength": 1, "maxLength": MAX_COMMENT_LENGTH}}),
    ),
    Route(
        method="GET",
        path="/v1/tasks/{task_id:.+}",
        handler=show_task,
        summary="Show a task with its form and what it is about.",
        answers={200: TASK},
        problems=(404, 503),
        verb="tasks show",
    ),
)
