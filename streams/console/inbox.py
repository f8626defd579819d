"""`/inbox`: what waits for people, the most urgent first, and what somebody does about one task."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from schemas.payload import UnreadablePayloadError
from streams.console import queries, told, words
from streams.console.account import as_object
from streams.console.decision import Decision, card_of, decision, inputs_of
from streams.console.forms import FormFaultError, data_of, fields_of
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, may, require
from streams.gateway import task_acts
from streams.gateway.bodies import MAX_ID_LENGTH
from streams.gateway.problems import ProblemError
from streams.gateway.settings import TaskSettings
from streams.processors.decide.places import folders
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
from streams.processors.human.task import HumanTask, comments_of

ROWS = 50
ACTS = {
    CLAIM: Act.CLAIM,
    DELEGATE: Act.CLAIM,
    RELEASE: Act.CLAIM,
    PUT_ASIDE: Act.CLAIM,
    COMPLETE: Act.ANSWER,
    UNDO: Act.ANSWER,
    COMMENT: Act.CLAIM,
}
ASIDE = {"1 hour": words.HOUR, "4 hours": 4 * words.HOUR, "1 day": words.DAY, "1 week": 7 * words.DAY}
TAKEN_KEYS = "cpu"  # claim or release, put aside, undo
Task = Mapping[str, Any]  # a HumanTask


async def show(visit: Visit) -> Shown:
    """The list, and the task that is next."""
    listed = await _list(visit)
    return await _view(visit, listed, None if visit.query("cursor") else _next(visit, listed.tasks))


def _next(visit: Visit, tasks: Sequence[Task]) -> Task | None:
    """The first task that nobody else has claimed: of those given to who asks, of those for anybody, of all; what was
    put aside comes behind them."""
    mine = (visit.actor.name, None)

    def rank(task: Task) -> tuple[bool, int]:
        given = task["given_to"]
        return (task["aside_until_ms"] or 0) > visit.now_ms, mine.index(given) if given in mine else len(mine)

    return min((task for task in tasks if _holder(task, visit.now_ms) in mine), key=rank, default=None)


async def show_task(visit: Visit) -> Shown:
    """The list, and one task."""
    return await _view(visit, await _list(visit), await _task(visit))


async def act(visit: Visit) -> Shown:
    """Does what was asked to the task and goes on; shows it again, with the form as it was filled in, and why, where
    that is not taken."""
    task, posted = await _task(visit), await _posted(visit)
    action = _first(posted, "act") or COMPLETE
    if action not in ACTS:
        raise ProblemError(422, "request-invalid", f"Choose what is to be done: {', '.join(ACTS)}.")
    require(visit.actor, ACTS[action], Target("task", task["task_id"]))
    given: dict[str, Any] = {"actor": visit.actor.name, "until_ms": _until(visit, action, posted)}
    action_id = _first(posted, "action_id")[:MAX_ID_LENGTH] or uuid.uuid4().hex
    try:
        if action == COMPLETE:
            data = data_of(fields_of(task["form"].value()), posted)
            given |= {"outcome": _first(posted, "outcome"), "data": data, "expected_version": _version(posted)}
        elif action == COMMENT:
            given["data"] = _first(posted, "text").replace("\r\n", "\n")
        elif action == DELEGATE:
            given["data"] = _first(posted, "to").strip()
        await task_acts.act(visit.services, task, action, given, action_id)
    except (FormFaultError, UnreadablePayloadError) as error:
        return await _again(visit, posted, str(error), 422)
    except ProblemError as error:
        if error.status not in (409, 422):
            raise
        return await _again(visit, posted, error.detail, error.status)
    return see_other(_onward(visit, action, task))


def _until(visit: Visit, action: str, posted: Mapping[str, Sequence[str]]) -> int | None:
    """When a claim ends, a task comes back, or an answer counts."""
    settings = visit.services.settings.of(TaskSettings)
    if action == PUT_ASIDE:
        return visit.now_ms + ASIDE.get(_first(posted, "for"), words.DAY)
    lasts_s = {CLAIM: settings.claim_s, COMPLETE: settings.undo_s}.get(action)
    return visit.now_ms + lasts_s * words.SECOND if lasts_s else None


def _onward(visit: Visit, action: str, task: Task) -> str:
    """Where somebody goes on: at the task that they keep, else at the next one."""
    team = {"team": visit.query("team")} if visit.query("team") else {}
    if action in (CLAIM, UNDO, COMMENT):
        return task_path(task["task_id"]) + (f"?{urlencode(team)}" if team else "")
    done = {"done": task["task_id"]} if action == COMPLETE else {}
    return f"/inbox?{urlencode(team | done)}" if team or done else "/inbox"


@dataclass(frozen=True)
class _Listed:
    tasks: Sequence[Task]
    next: str | None
    team: str
    teams: Sequence[tuple[str, int]]


async def _list(visit: Visit) -> _Listed:
    team, reader = visit.query("team"), visit.services.reader
    page = await asyncio.to_thread(
        queries.tasks, reader, team, visit.now_ms, limit=ROWS, cursor=visit.query("cursor") or None
    )
    teams = await asyncio.to_thread(queries.teams, reader)
    return _Listed([await _decoded(visit, row["message"]) for row in page.rows], page.next, team, teams)


async def _view(
    visit: Visit,
    listed: _Listed,
    chosen: Task | None,
    *,
    posted: Mapping[str, Sequence[str]] | None = None,
    fault: str = "",
    status: int = 200,
) -> View:
    done = await _known(visit, visit.query("done"))
    decided = await _decision_for(visit, chosen) if chosen else None
    inputs = _inputs(visit, decided)
    team = {"team": listed.team} if listed.team else {}
    data = {
        "tasks": [_brief(task, visit.now_ms) for task in listed.tasks],
        "team": listed.team,
        "teams": [{"team": name, "open": count} for name, count in listed.teams],
        "task": chosen,
        "decision": decided,
        "next": f"/inbox?{urlencode({**team, 'cursor': listed.next})}" if listed.next else None,
        "done": _brief(done, visit.now_ms) if done else None,
        "holder": _holder(chosen, visit.now_ms) if chosen else None,
        "fault": fault,
        "comments": comments_of(chosen) if chosen else [],
        "about": told.facts(as_object(chosen["input"]), inputs) if chosen else (),
    }
    drawn = {
        "fields": fields_of(chosen["form"].value(), told.texts(inputs)) if chosen else (),
        "posted": posted or {},
        "action_id": uuid.uuid4().hex,
        "comment_id": uuid.uuid4().hex,
        "aside": tuple(ASIDE),
        "comment_length": MAX_COMMENT_LENGTH,
        "may_answer": chosen is not None and may(visit.actor, Act.ANSWER, Target("task", chosen["task_id"])),
        "keys": keys(chosen["outcomes"]) if chosen else {},
        "path": task_path,
        "query": f"?{urlencode(team)}" if team else "",
        "picked": "task_id" in visit.request.match_info,
    }
    return View(template="inbox.html", data=data, drawn=drawn, status=status)


async def _again(visit: Visit, posted: Mapping[str, Sequence[str]], fault: str, status: int) -> View:
    """The form as it was filled in, beside the task as it is now."""
    task = await _task(visit)
    return await _view(visit, await _list(visit), task, posted=posted, fault=fault, status=status)


async def _task(visit: Visit) -> Task:
    found = await _known(visit, visit.request.match_info["task_id"])
    if found is None:
        raise ProblemError(404, "not-found", "No task of this id has been seen, or not yet.")
    return found


async def _known(visit: Visit, task_id: str) -> Task | None:
    row = await asyncio.to_thread(visit.services.reader.task, task_id) if task_id else None
    return await _decoded(visit, row["message"]) if row else None


async def _decision_for(visit: Visit, task: Task) -> Decision | None:
    """The newest decision of the instance: usually why a person is asked; nothing for who is to look blindly."""
    if task["audit"]:
        return None
    rows = await asyncio.to_thread(visit.services.reader.decisions, task["instance_id"])
    where = folders(visit.services.settings)
    return decision(await _decoded(visit, rows[-1]["message"]), where) if rows else None


def _inputs(visit: Visit, decided: Decision | None) -> told.Inputs:
    """What the model read that was asked before: its words are those of the task."""
    where = folders(visit.services.settings)
    return inputs_of(card_of(where, decided.model, decided.version) if decided else None)


async def _decoded(visit: Visit, message: bytes) -> Mapping[str, Any]:
    return (await visit.services.codec.decode_learning(message))[1]


async def _posted(visit: Visit) -> dict[str, list[str]]:
    form = await visit.request.post()
    return {name: [each for each in form.getall(name) if isinstance(each, str)] for name in form}


def _first(posted: Mapping[str, Sequence[str]], name: str) -> str:
    return (posted.get(name) or [""])[0]


def _version(posted: Mapping[str, Sequence[str]]) -> int | None:
    text = _first(posted, "version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


_BRIEF = ("task_id", "instance_id", "business_key", "title", "team", "workflow", "status", "version", "created_at_ms",
          "due_ms", "outcome", "completed_by", "updated_at_ms", "settles_at_ms", "given_to")  # fmt: skip


def _brief(task: Task, now_ms: int) -> dict[str, Any]:
    aside = task["aside_until_ms"]
    return {
        **{name: task[name] for name in _BRIEF},
        "holder": _holder(task, now_ms),
        "aside_until_ms": aside if aside and aside > now_ms else None,
    }


def _holder(task: Task, now_ms: int) -> str | None:
    return HumanTask(task).holder(now_ms)


def keys(outcomes: Sequence[str]) -> dict[str, str]:
    """A key for each outcome: its first letter where nothing else has it, else its number."""
    letters = [outcome[:1].lower() for outcome in outcomes]
    letters = ["" if letter in TAKEN_KEYS else letter for letter in letters]
    return {
        outcome: letter if letter.isascii() and letter.isalpha() and letters.count(letter) == 1 else str(number)
        for number, (outcome, letter) in enumerate(zip(outcomes, letters, strict=True), start=1)
        if number < 10 or letters.count(letter) == 1
    }


def task_path(task_id: str) -> str:
    """The address of a task's page."""
    return "/inbox/" + quote(task_id, safe="/")


PAGES = (
    Page(path="/inbox", show=show, section="/inbox", live=True),
    Page(path="/inbox/{task_id:.+}", show=show_task, section="/inbox", live=True),
    Page(path="/inbox/{task_id:.+}", show=act, section="/inbox", method="POST"),
)
