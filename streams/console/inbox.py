"""`/inbox`: what waits for people, the most urgent first, and the answer to one task."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from schemas.payload import UnreadablePayloadError
from streams.console import queries
from streams.console.decision import Decision, decision
from streams.console.forms import FormFaultError, data_of, fields_of
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, may, require
from streams.gateway.problems import ProblemError
from streams.gateway.tasks import MAX_ID_LENGTH, answer

ROWS = 50
Task = Mapping[str, Any]  # a HumanTask


async def show(visit: Visit) -> Shown:
    """The list, and the task that is next."""
    listed = await _list(visit)
    chosen = listed.tasks[0] if listed.tasks and not visit.query("cursor") else None
    return await _view(visit, listed, chosen)


async def show_task(visit: Visit) -> Shown:
    """The list, and one task."""
    return await _view(visit, await _list(visit), await _task(visit))


async def act_answer(visit: Visit) -> Shown:
    """Takes the answer, and goes on to the next task; shows the form again, filled in, where it is not taken."""
    task = await _task(visit)
    require(visit.actor, Act.ANSWER, Target("task", task["task_id"]))
    posted = await _posted(visit)
    try:
        outcome = (posted.get("outcome") or [""])[0]
        data = data_of(fields_of(task["form"].value()), posted)
        given = {"outcome": outcome, "data": data, "actor": visit.actor.name, "expected_version": _version(posted)}
        action_id = (posted.get("action_id") or [""])[0][:MAX_ID_LENGTH] or uuid.uuid4().hex
        await answer(visit.services, task, given, action_id)
    except (FormFaultError, UnreadablePayloadError) as error:
        return await _again(visit, posted, str(error), 422)
    except ProblemError as error:
        if error.status not in (409, 422):
            raise
        return await _again(visit, posted, error.detail, error.status)
    query = {name: value for name, value in (("team", visit.query("team")), ("done", task["task_id"])) if value}
    return see_other(f"/inbox?{urlencode(query)}")


@dataclass(frozen=True)
class _Listed:
    tasks: Sequence[Task]
    next: str | None
    team: str
    teams: Sequence[tuple[str, int]]


async def _list(visit: Visit) -> _Listed:
    team, reader = visit.query("team"), visit.services.reader
    page = await asyncio.to_thread(queries.tasks, reader, team, limit=ROWS, cursor=visit.query("cursor") or None)
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
    team = {"team": listed.team} if listed.team else {}
    data = {
        "tasks": [_brief(task) for task in listed.tasks],
        "team": listed.team,
        "teams": [{"team": name, "open": count} for name, count in listed.teams],
        "task": chosen,
        "decision": decided,
        "next": f"/inbox?{urlencode({**team, 'cursor': listed.next})}" if listed.next else None,
        "done": _brief(done) if done else None,
        "fault": fault,
    }
    drawn = {
        "fields": fields_of(chosen["form"].value()) if chosen else (),
        "posted": posted or {},
        "action_id": uuid.uuid4().hex,
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
    """The newest decision of the instance: usually why a person is asked."""
    rows = await asyncio.to_thread(visit.services.reader.decisions, task["instance_id"])
    return decision(await _decoded(visit, rows[-1]["message"])) if rows else None


async def _decoded(visit: Visit, message: bytes) -> Mapping[str, Any]:
    return (await visit.services.codec.decode_learning(message))[1]


async def _posted(visit: Visit) -> dict[str, list[str]]:
    form = await visit.request.post()
    return {name: [each for each in form.getall(name) if isinstance(each, str)] for name in form}


def _version(posted: Mapping[str, Sequence[str]]) -> int | None:
    text = (posted.get("version") or [""])[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


_BRIEF = ("task_id", "instance_id", "business_key", "title", "team", "workflow", "status", "version", "created_at_ms",
          "due_ms", "outcome", "completed_by", "updated_at_ms")  # fmt: skip


def _brief(task: Task) -> dict[str, Any]:
    return {name: task[name] for name in _BRIEF}


def keys(outcomes: Sequence[str]) -> dict[str, str]:
    """A key for each outcome: its first letter where no other begins with it, else its number."""
    letters = [outcome[:1].lower() for outcome in outcomes]
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
    Page(path="/inbox/{task_id:.+}", show=act_answer, section="/inbox", method="POST"),
)
