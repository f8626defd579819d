"""What a human task is: how it opens, what people do with it, what it refuses. Pure; `processor.py` makes it durable.

    open ──answer──▶ completed            open ──answer that can be taken back──▶ answered ──its time──▶ completed
      └───cancel───▶ cancelled              └◀───────────────undo───────────────────┘

A task counts its versions. Who answers may name the version that they saw; an answer to another version, to a closed
task, to one that somebody else has claimed, with an outcome that is not offered or with data that the form refuses is
not taken, and the task keeps the reason for its sender. Anybody may note something about an open task. A claim lasts
for a time, so that nobody holds a task for ever; who delegates gives it to a colleague for such a time; who puts a task
aside lets go of it, and it comes last until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from schemas.arguments import ArgumentError
from schemas.payload import Json, Payload
from schemas.reasons import Reason
from schemas.steps import Problem, id_of, problem
from schemas.times import rfc3339
from streams.ground.calendars import Calendars
from streams.ground.topic import DAY_MS
from streams.language.durations import MAX_MS, DurationError, milliseconds
from streams.language.schema import JsonSchema
from streams.processors.human import HUMAN
from streams.processors.human.fields import ANSWERED, ASSIGN, CANCELLED, COMPLETED, LADDER, OPEN
from streams.processors.human.forms import fault_of_form, form_fault
from streams.processors.human.task import Act, Comment, HumanTask, Refusal, Rung, comments_of, new_task

CLAIM, RELEASE, PUT_ASIDE, COMPLETE, UNDO = "claim", "release", "put_aside", "complete", "undo"
DELEGATE = "delegate"
GIVE = "give"  # by `streams/processors/assign/`, whoever has claimed it
COMMENT = "comment"  # changes nothing of who works on it, so it is none of the acts

HAND_ON, REMIND = "hand_on", "remind"  # nobody's actions: a task does them by itself
ITSELF = "exlify"
AUDIT = "audit"  # to what a command is pinned that no step has given: see `streams/processors/monitor/`
NO_CALENDARS: Calendars = {}
_LADDER, _ASSIGN = JsonSchema(LADDER), JsonSchema(ASSIGN)

LONGEST_MS = {CLAIM: DAY_MS, DELEGATE: DAY_MS, PUT_ASIDE: 90 * DAY_MS, COMPLETE: 600_000}
"""For how long each of these may last."""

MAX_COMMENTS, MAX_COMMENT_LENGTH = 30, 1_000  # of a task; characters of one
MAX_NAME_LENGTH = 200
MAX_REFUSALS = MAX_ACTS = 16  # the oldest go first; their senders have long had their answer


def opened(command: Mapping[str, Any], at_ms: int, calendars: Calendars = NO_CALENDARS) -> HumanTask:
    """The task that a StepCommand asks for, opened at `at_ms`. Raises ArgumentError.

    A calendar that the site does not have counts all time.

    An argument becomes the field of its name; what is written out here is all that is more than that.
    """
    given = HUMAN.read(command["arguments"].value())
    form = given.pop("form", {})
    if fault := fault_of_form(form):
        raise HUMAN.fault("form", fault, "describe the answer's data, with what it refers to under $defs")
    if (fault := _ASSIGN.check(given.get("assign", {}))) is not None:
        raise HUMAN.fault("assign", f"says nothing by which it could be given: {fault}")
    due, calendar = given.pop("due", None), given.get("calendar")
    ladder = _ladder(given.pop("ladder", []), calendar)
    task = new_task(
        {"input": None, **given, "form": form},
        {
            "task_id": id_of(command),
            "instance_id": command["instance_id"],
            "pointer": command["pointer"],
            "workflow": command["workflow"],
            "created_at_ms": at_ms,
            "updated_at_ms": at_ms,
            "due_ms": command.get("deadline_ms")
            if due is None
            else _after(at_ms, _due("due", due), calendar, calendars),
            "business_key": command.get("business_key"),
            "ladder": ladder,
            "audit": command.get("pin") == AUDIT,
        },
    )
    return task.changed(hands_on_ms=_next_ms(task, at_ms, calendars))


def handed_on(task: HumanTask, calendars: Calendars) -> HumanTask:
    """The task once nobody has answered it in the time of its rung: another team is asked, or its own is reminded, of
    which `escalate` tells. A claim stays."""
    rung, at_ms = task.ladder[task.rung], task.hands_on_ms or 0
    done = HAND_ON if rung["team"] else REMIND
    act = Act(action_id=f"{done}/{task.rung}", action=done, actor=ITSELF, at_ms=at_ms)
    after = task.changed(
        team=rung["team"] or task.team,
        rung=task.rung + 1,
        updated_at_ms=max(at_ms, task.updated_at_ms),
        acts=[*task.acts, act][-MAX_ACTS:],
    )
    return after.changed(hands_on_ms=_next_ms(after, at_ms, calendars))


def _next_ms(task: HumanTask, at_ms: int, calendars: Calendars) -> int | None:
    """When a task whose last rung was at this time is handed on next."""
    if task.rung >= len(task.ladder):
        return None
    rung = task.ladder[task.rung]
    return _after(at_ms, rung["after_ms"], rung["calendar"], calendars)


def _after(at_ms: int, length_ms: int, calendar: str | None, calendars: Calendars) -> int:
    known = calendars.get(calendar or "")
    return at_ms + length_ms if known is None else known.after(at_ms, length_ms)


def _ladder(given: Json, calendar: str | None) -> list[Rung]:
    fault = None if given == [] else _LADDER.check(given)
    if fault is not None:
        raise HUMAN.fault("ladder", f"is no ladder: {fault}")
    return [
        Rung(
            team=each.get("team", ""), after_ms=_due("ladder", each["after"]), calendar=each.get("calendar") or calendar
        )
        for each in given
    ]


def acted(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> HumanTask:
    """The task after a HumanAction: changed as it says, or with one refusal more."""
    objection = _objection(task, action, at_ms)
    if objection is not None:
        reason, detail = objection
        refusal = Refusal(action_id=action["action_id"], reason=reason.value, detail=detail, at_ms=at_ms)
        return task.changed(refusals=[*task.refusals, refusal][-MAX_REFUSALS:], updated_at_ms=at_ms)
    if action["action"] == COMMENT:
        return task.changed(comments=_commented(task, action, at_ms), updated_at_ms=at_ms)
    act = Act(action_id=action["action_id"], action=action["action"], actor=action["actor"], at_ms=at_ms)
    return task.changed(
        **_ACTIONS[action["action"]](task, action, at_ms),
        acts=[*task.acts, act][-MAX_ACTS:],
        updated_at_ms=at_ms,
        last_action_id=action["action_id"],
    )


def settled(task: HumanTask) -> HumanTask:
    """The task once its answer cannot be taken back any more; as it is, if it has none."""
    if task.status != ANSWERED:
        return task
    return task.changed(status=COMPLETED, version=task.version + 1, settles_at_ms=None, hands_on_ms=None)


def cancelled(task: HumanTask, at_ms: int) -> HumanTask:
    """The task after the engine has lost interest in it; a closed one stays as it is."""
    if task.status not in (OPEN, ANSWERED):
        return task
    return task.changed(
        hands_on_ms=None, status=CANCELLED, version=task.version + 1, settles_at_ms=None, updated_at_ms=at_ms
    )


def output(task: HumanTask) -> Payload:
    """What the workflow gets of a completed task: outcome, data, completedBy, completedAt (RFC 3339)."""
    answers = [act["at_ms"] for act in task.acts if act["action"] == COMPLETE]
    said = {
        "outcome": task.outcome,
        "data": None if task.data is None else task.data.fragment(),
        "completedBy": task.completed_by,
        "completedAt": rfc3339(answers[-1] if answers else task.updated_at_ms),
    }
    return Payload.inside(orjson.dumps(said))


def invalid_task_problem(command: Mapping[str, Any], error: ArgumentError) -> Problem:
    """The Problem of a step whose arguments describe no task."""
    return problem(Reason.INPUT_INVALID, str(error), command["pointer"])


def _due(name: str, value: Json) -> int:
    """Milliseconds, as a compiled definition gives them, or a duration as somebody may write it into a command."""
    if type(value) is int and 0 <= value <= MAX_MS:  # beyond it a time could not be written down
        return value
    try:
        return milliseconds(value)
    except DurationError as error:
        raise HUMAN.fault(name, f"is no duration: {error}") from None


def _claimed(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    until_ms = _until(action, at_ms, LONGEST_MS[CLAIM])
    return {"assignee": action["actor"], "assigned_until_ms": until_ms, "aside_until_ms": None}


def _delegated(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    until_ms = _until(action, at_ms, LONGEST_MS[DELEGATE])
    return {"assignee": action["data"].value(), "assigned_until_ms": until_ms, "aside_until_ms": None}


def _released(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    return {**_FREE}


def _put_aside(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    return {**_FREE, "aside_until_ms": _until(action, at_ms, DAY_MS)}


def _given(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    return {"given_to": action["given_to"]}


def _completed(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    until_ms = _until(action, at_ms, 0)
    waits = until_ms > at_ms
    return {
        "status": ANSWERED if waits else COMPLETED,
        "version": task.version + 1,
        "outcome": action["outcome"],
        "data": action["data"],
        "completed_by": action["actor"],
        "aside_until_ms": None,
        "settles_at_ms": until_ms if waits else None,
        "hands_on_ms": task.hands_on_ms if waits else None,
    }


def _undone(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    nothing = dict.fromkeys(("outcome", "data", "completed_by", "settles_at_ms"))
    return {**nothing, "status": OPEN, "version": task.version + 1}


def _commented(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> Payload:
    comment = Comment(
        action_id=action["action_id"], actor=action["actor"], at=rfc3339(at_ms), text=action["data"].value()
    )
    return Payload.inside(orjson.dumps([*comments_of(task.fields), comment]))


def delegate_fault(name: Json) -> str | None:
    """Why nobody is called that."""
    if isinstance(name, str) and name == name.strip() and name.isprintable() and 0 < len(name) <= MAX_NAME_LENGTH:
        return None
    return f"a colleague is named by 1 to {MAX_NAME_LENGTH} characters in a line"


def comment_fault(text: Json) -> str | None:
    """Why this cannot be a comment."""
    if isinstance(text, str) and text.strip() and len(text) <= MAX_COMMENT_LENGTH:
        return None
    return f"a comment is a text of 1 to {MAX_COMMENT_LENGTH:,} characters"


_FREE: Mapping[str, Any] = {"assignee": None, "assigned_until_ms": None, "aside_until_ms": None}
_ACTIONS: Mapping[str, Callable[[HumanTask, Mapping[str, Any], int], Mapping[str, Any]]] = {
    CLAIM: _claimed,
    DELEGATE: _delegated,
    RELEASE: _released,
    PUT_ASIDE: _put_aside,
    COMPLETE: _completed,
    UNDO: _undone,
    GIVE: _given,
}


def _until(action: Mapping[str, Any], at_ms: int, usual_ms: int) -> int:
    """The time that an action asks for, never longer than such an action may last."""
    asked = action.get("until_ms")
    return at_ms + usual_ms if asked is None else min(asked, at_ms + LONGEST_MS[action["action"]])


def _objection(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> tuple[Reason, str] | None:
    """Reason and detail of a refusal; None if the action can be taken."""
    seen, wanted, actor = action.get("expected_version"), action["action"], action["actor"]
    if wanted not in (*_ACTIONS, COMMENT):
        return Reason.UNKNOWN_ACTION, f"the actions are {', '.join((*_ACTIONS, COMMENT))}"
    if task.status != (ANSWERED if wanted == UNDO else OPEN):
        return Reason.TASK_CLOSED, f"the task is {task.status}"
    if wanted == COMMENT:
        fault = comment_fault(action["data"].value())
        if fault is None and len(comments_of(task.fields)) >= MAX_COMMENTS:
            fault = f"a task has at most {MAX_COMMENTS} comments"
        return (Reason.DATA_INVALID, fault) if fault else None
    if wanted == UNDO and actor != task.completed_by:
        return Reason.TASK_CLAIMED, f"only {task.completed_by}, who has answered, can take the answer back"
    if wanted == GIVE:
        return None
    if task.holder(at_ms) not in (None, actor):
        return (
            Reason.TASK_CLAIMED,
            f"{task.assignee} has claimed the task, until {rfc3339(task.assigned_until_ms or 0)}",
        )
    if seen is not None and seen != task.version:
        return Reason.STALE_VERSION, f"the task is at version {task.version}, not {seen}; look at it again"
    if wanted == DELEGATE and (fault := delegate_fault(action["data"].value())):
        return Reason.DATA_INVALID, fault
    if wanted != COMPLETE:
        return None
    if action["outcome"] not in task.outcomes:
        return Reason.UNKNOWN_OUTCOME, f"choose one of {', '.join(task.outcomes)}"
    fault = form_fault(task.form, action["data"])
    return (Reason.DATA_INVALID, fault) if fault else None
