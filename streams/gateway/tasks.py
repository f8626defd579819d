"""`/v1/tasks`: what waits for people, and their answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.catalogue import current
from schemas.messages import HUMAN_ACTION, HUMAN_TASK
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, UNREADABLE, json_answer
from streams.gateway.bodies import LINE, one_line, read_object
from streams.gateway.instances import CURSOR, LIMIT
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.problems import ProblemError, refused
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.ground.terminal import visible
from streams.ground.topic import MAX_RECORD_BYTES
from streams.processors.human import ACTIONS
from streams.processors.human.fields import FIELDS, OPEN, Place
from streams.processors.human.forms import form_fault
from streams.processors.human.rules import COMPLETE
from streams.readmodel import presentation
from streams.readmodel.stored import stored

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25
MAX_ID_LENGTH = 200
FILTERS = tuple(field for field in FIELDS if field.filter)
DETAILS = frozenset(field.shown for field in FIELDS if field.place is Place.DETAIL)  # of one task only, not in lists

Fields = dict[str, Any]  # of a message: a HumanTask or a HumanAction

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
    return json_answer(_presented(ours, await _known(ours, request.match_info["task_id"])))


async def complete_task(request: web.Request) -> web.Response:
    """Answers a task and waits a while for the processor's word.

    Sent again with the same Idempotency-Key it counts once.
    """
    ours = services(request)
    given = await read_object(
        request, {"outcome": str, "data": object, "actor": str, "expected_version": int}, ("outcome", "actor")
    )
    given["actor"] = one_line("actor", given["actor"])
    action_id = request.headers.get("Idempotency-Key") or uuid.uuid4().hex
    if len(action_id) > MAX_ID_LENGTH or visible(action_id) != action_id:
        detail = f"Idempotency-Key has at most {MAX_ID_LENGTH} characters, all of them visible."
        raise ProblemError(400, "idempotency-key", detail)
    task = await answer(ours, await _known(ours, request.match_info["task_id"]), given, action_id)
    if task is not None:
        return json_answer(_presented(ours, task))
    return json_answer(
        {"action_id": action_id, "detail": "Accepted; look at the task for what became of it."}, status=202
    )


async def answer(ours: Services, task: Mapping[str, Any], given: Fields, action_id: str) -> Fields | None:
    """Publishes the answer to a task and waits a while: the task that took it, or None where no word has come yet.

    Raises ProblemError where it is not taken.
    """
    action = _action(task, given, action_id, ours.now_ms())
    _refuse_hopeless(task, action)
    await ours.publisher.publish([_outgoing(ours, action)])
    found = await _await_word(ours, task["task_id"], action_id)
    refusal = _refusal(found, action_id) if found else None
    if found and refusal:
        raise refused(Reason(refusal["reason"]), f"Not taken: {refusal['detail']}.", version=found["version"])
    return found


def _action(task: Mapping[str, Any], answer: Fields, action_id: str, at_ms: int) -> Fields:
    version = answer.get("expected_version")
    if version is not None and not 0 <= version < 2**31:
        raise ProblemError(422, "request-invalid", "expected_version is the version of a task")
    return {
        "action_id": action_id,
        "task_id": task["task_id"],
        "instance_id": task["instance_id"],
        "action": COMPLETE,
        "outcome": answer["outcome"],
        "data": Payload.from_outside({} if answer.get("data") is None else answer["data"], Door.ANSWER),
        "actor": answer["actor"],
        "expected_version": version,
        "at_ms": at_ms,
    }


def _refuse_hopeless(task: Mapping[str, Any], action: Fields) -> None:
    """What can never fit is told at once: outcomes and form of a task do not change.

    Everything else is for the processor.
    """
    if action["outcome"] not in task["outcomes"]:
        raise refused(Reason.UNKNOWN_OUTCOME, f"Choose one of {', '.join(task['outcomes'])}.")
    if fault := form_fault(task["form"], action["data"]):
        raise refused(Reason.DATA_INVALID, fault)


def _outgoing(ours: Services, action: Fields) -> Outgoing:
    value = ours.codec.encode(HUMAN_ACTION, action)
    if len(value) > MAX_RECORD_BYTES:
        raise ProblemError(413, "too-large", f"An answer has at most {MAX_RECORD_BYTES} bytes.")
    return Outgoing(ACTIONS, action["instance_id"].encode(), value)


async def _await_word(ours: Services, task_id: str, action_id: str) -> Fields | None:
    """The task once it tells what became of the action; None if that takes too long."""
    pause_s = FIRST_PAUSE_S
    try:
        async with asyncio.timeout(ours.answer_timeout_s):
            while True:
                task = await _known(ours, task_id)
                if task["last_action_id"] == action_id or _refusal(task, action_id):
                    return task
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    except TimeoutError:
        return None


def _refusal(task: Fields, action_id: str) -> Fields | None:
    return next((each for each in task["refusals"] if each["action_id"] == action_id), None)


async def _known(ours: Services, task_id: str) -> Fields:
    row = await asyncio.to_thread(ours.reader.task, task_id)
    if row is None:
        raise ProblemError(404, "not-found", "No task of this id has been seen, or not yet.")
    return await _message(ours, row)


async def _message(ours: Services, row: Mapping[str, Any]) -> Fields:
    return (await ours.codec.decode_learning(row["message"]))[1]


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
    Route(
        method="POST",
        path="/v1/tasks/{task_id:.+}/complete",
        handler=complete_task,
        summary="Answer a task. 202: taken note of, but the processor has not said yet what became of it.",
        answers={200: TASK, 202: object_of({"action_id": TEXT, "detail": TEXT})},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={
            "application/json": object_of(
                {"outcome": TEXT, "actor": LINE}, data={}, expected_version={"type": "integer", "minimum": 0}
            )
        },
        verb="tasks complete",
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
